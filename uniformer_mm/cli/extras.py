"""Which extra of this package installs what a config needs."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

__all__ = ['EXTRAS', 'HOST_OF_FOLDER', 'advice']

EXTRAS = {
    'mmcv': 'lite',
    'mmdet': 'det',
    'mmseg': 'seg',
    'mmpose': 'pose',
    'mmaction': 'action',
    'mim': 'mim',
}
"""Module -> the extra of uniformer_mm that installs it."""

HOST_OF_FOLDER = {
    'detection': 'mmdet',
    'segmentation': 'mmseg',
    'pose': 'mmpose',
    'action': 'mmaction',
}
"""Folder of configs -> the module that runs them."""


def advice(modules: Iterable[str]) -> str | None:
    """Say how to install those of the modules that are missing.

    Args:
        modules: Keys of ``EXTRAS``.

    Returns:
        str | None: None if all are there.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if not missing:
        return None
    extras = ','.join(EXTRAS[module] for module in missing)
    return (
        f'not installed: {", ".join(missing)}; '
        f"pip install 'uniformer_mm[{extras}]'"
    )
