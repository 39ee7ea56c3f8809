"""The releases that the suite is made for, in one table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ['MMCV', 'SUPPORTED', 'Supported', 'misfits', 'release']

MMCV = ('mmcv-lite', 'mmcv', 'mmcv-full')
"""Distributions that bring the module ``mmcv``."""


@dataclass(frozen=True)
class Supported:
    """The releases of one distribution, or of Python.

    Attributes:
        lowest: The oldest release that will do.
        below: The first that will not, ``''`` if none is known.
    """

    lowest: str
    below: str = ''

    def __str__(self) -> str:
        """Write it as pip does: ``'>=3.3.0,<3.4'``."""
        return f'>={self.lowest}' + (f',<{self.below}' if self.below else '')

    def fault(self, version: str) -> str:
        """Return ``'too old'``, ``'too new'``, or ``''`` for what will do."""
        if release(version) < release(self.lowest):
            return 'too old'
        if self.below and release(version) >= release(self.below):
            return 'too new'
        return ''


SUPPORTED: Mapping[str, Supported] = {
    'python': Supported('3.10', '3.15'),
    'torch': Supported('2.5'),  # reads entry points
    'mmengine': Supported('0.10.4', '1.0'),
    **dict.fromkeys(MMCV, Supported('2.0.0', '2.2')),
    'mmdet': Supported('3.3.0', '3.4'),
    'mmsegmentation': Supported('1.2.2', '1.3'),
    'mmpose': Supported('1.3.2', '1.4'),
    'mmaction2': Supported('1.2.0', '1.3'),
    'mmpretrain': Supported('1.2.0', '1.3'),
}
"""Distribution, or ``'python'`` -> its releases.

Where ``below`` is given, the hosts refuse what is newer, or nobody has seen
it.
"""


def release(version: str) -> tuple[int, ...]:
    """Return the numbers that order releases: ``'2.9.0+cu128'`` -> (2, 9).

    ``''`` gives ``()``, which is below every release.
    """
    found = re.match(r'\d+(\.\d+)*', version)
    numbers = [int(part) for part in found[0].split('.')] if found else []
    while numbers and not numbers[-1]:  # 3.3 is 3.3.0
        numbers.pop()
    return tuple(numbers)


def misfits(versions: Mapping[str, str], python: str) -> list[str]:
    """Say of each release that will not do what is wrong, and its fix.

    Args:
        versions: Distribution -> version, others than in ``SUPPORTED`` too.
        python: Version of Python.

    Returns:
        list[str]: One for each, such as ``"mmdet 2.28.2 is too old: pip
        install 'mmdet>=3.3.0,<3.4'"``. mmcv is left out: which releases of
        it will do depends on the hosts.
    """
    found = []
    for name, supported in SUPPORTED.items():
        version = {**versions, 'python': python}.get(name, '')
        fault = supported.fault(version) if version else ''
        if fault and name not in MMCV:
            fix = f"pip install '{name}{supported}'"
            if name == 'python':
                fix = f'make an environment with Python {supported}'
            found.append(f'{name} {version} is {fault}: {fix}')
    return found
