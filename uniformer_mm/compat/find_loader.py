"""``pkgutil.find_loader``, which MMEngine and mmcv ask for compiled ops.

Python 3.14 removed it. The two look up ``mmcv._ext`` with it, each time a
model is wrapped for training, and want to know whether something is found.
"""

from __future__ import annotations

import pkgutil
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

__all__ = ['supply_find_loader']


def find_loader(fullname: str) -> object | None:
    """Return the loader of a module; None if it is not found."""
    try:
        spec: ModuleSpec | None = find_spec(fullname)
    except ModuleNotFoundError:  # of the package that it is in
        return None
    return spec and spec.loader


def supply_find_loader() -> None:
    """Give ``pkgutil`` the function where Python has it no more."""
    if not hasattr(pkgutil, 'find_loader'):
        vars(pkgutil)['find_loader'] = find_loader
