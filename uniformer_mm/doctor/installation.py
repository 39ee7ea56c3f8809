"""What can be told of an installation without using it, and ``Facts``."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, entry_points, version

from uniformer_mm.doctor.releases import SUPPORTED
from uniformer_mm_autoload import ENV_SWITCH

__all__ = [
    'AUTOLOAD',
    'DISTRIBUTIONS',
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
    """

    python: str
    versions: Mapping[str, str]
    errors: Mapping[str, str]
    replaced: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    entry_point: bool = True
    gpu: str = ''


def installed() -> Facts:
    """Return what can be told without using anything; no errors."""
    return Facts(
        python=platform.python_version(),
        versions=installed_versions(DISTRIBUTIONS),
        errors={},
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
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions
