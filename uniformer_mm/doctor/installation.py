"""What can be told of an installation without using it, and ``Facts``."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import (
    PackageNotFoundError,
    entry_points,
    requires,
    version,
)

from uniformer_mm.doctor.releases import SUPPORTED
from uniformer_mm.undeclared import UNDECLARED
from uniformer_mm_autoload import ENV_SWITCH

__all__ = [
    'AUTOLOAD',
    'OPENCV',
    'UNCHECKED_LOAD',
    'Facts',
    'installed',
    'installed_versions',
]

AUTOLOAD = 'TORCH_DEVICE_BACKEND_AUTOLOAD'
UNCHECKED_LOAD = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
SWITCHES = (ENV_SWITCH, AUTOLOAD, UNCHECKED_LOAD)
"""Environment variables that change what works."""

OPENCV = (
    'opencv-python-headless',
    'opencv-python',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)
"""Distributions that bring the module ``cv2``."""

DISTRIBUTIONS = (
    *(name for name in SUPPORTED if name != 'python'),
    'torchvision',
    'numpy',
    *OPENCV,
    'uniformer_mm',
    'pycocotools',
    'xtcocotools',
    'openmim',
    'setuptools',
    'click',
    'albumentations',
    *(package.name for package in UNDECLARED),
)
"""What is asked for its version."""


@dataclass(frozen=True)
class Facts:
    """What was found on a machine.

    Attributes:
        python: Version of Python, such as ``'3.11.7'``.
        versions: Installed distribution -> version; others are left out.
        errors: Part of the stack -> why it fails, ``''`` if it works; a part
            that is not installed is left out.
        replaced: Modules that ``uniformer_mm_autoload`` supplied.
        env: Those of ``SWITCHES`` that are set -> value.
        entry_point: Whether torch can find ``uniformer_mm_autoload``.
        gpu: CUDA version and card, ``''`` if torch computes on the CPU.
        torchvision_for: Release of torch that torchvision says it is built
            for, ``''`` if it does not say.
    """

    python: str
    versions: Mapping[str, str]
    errors: Mapping[str, str]
    replaced: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    entry_point: bool = True
    gpu: str = ''
    torchvision_for: str = ''


def installed(names: Iterable[str] = DISTRIBUTIONS) -> Facts:
    """Return what can be told without using anything; no errors.

    Args:
        names: Distributions to ask for their versions.
    """
    return Facts(
        python=platform.python_version(),
        versions=installed_versions(names),
        errors={},
        torchvision_for=_torch_of_torchvision(),
        env={name: os.environ[name] for name in SWITCHES & os.environ.keys()},
        entry_point=any(
            entry.value.startswith('uniformer_mm_autoload')
            for entry in entry_points(group='torch.backends')
        ),
    )


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return distribution -> version, for those that are installed."""
    versions = {}
    for name in names:
        # FileNotFoundError, or no version, where a half removed distribution
        # left an empty record.
        with contextlib.suppress(PackageNotFoundError, FileNotFoundError):
            versions[name] = version(name)
    return {name: found for name, found in versions.items() if found}


def _torch_of_torchvision() -> str:
    with contextlib.suppress(PackageNotFoundError):
        for line in requires('torchvision') or ():
            found = re.match(r'torch\s*\(?==\s*([\d.]+)', line)
            if found:
                return found[1]
    return ''
