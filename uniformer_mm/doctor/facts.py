"""What ``uniformer-mm doctor`` looks at: versions, and each module in use."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any

from uniformer_mm.doctor import probe
from uniformer_mm.hosts import HOSTS
from uniformer_mm_autoload import ENV_SWITCH, REPLACEMENTS

__all__ = ['AUTOLOAD', 'MODULES', 'UNCHECKED_LOAD', 'Facts', 'gather']

MODULES: Mapping[str, tuple[str, ...]] = {
    'torch': ('torch',),
    'torchvision': ('torchvision',),
    'numpy': ('numpy',),
    'cv2': (
        'opencv-python-headless',
        'opencv-python',
        'opencv-contrib-python',
        'opencv-contrib-python-headless',
    ),
    'mmengine': ('mmengine',),
    'mmcv': ('mmcv-lite', 'mmcv', 'mmcv-full'),
    'uniformer_mm': ('uniformer_mm',),
    **{host.module: (host.distribution,) for host in HOSTS.values()},
    'xtcocotools': ('pycocotools', 'xtcocotools'),
    'mim': ('openmim',),
    'setuptools': ('setuptools',),
}
"""Module -> the distributions that bring it."""

IMPORTED = {
    'mmengine': 'mmengine.runner',
    'mmcv': 'mmcv.ops',
    'xtcocotools': 'xtcocotools.mask',
    'mim': 'mim.cli',
    **{host: f'{host}.models' for host in HOSTS},
}
"""Module -> what of it is imported, where the top alone proves too little."""

AUTOLOAD = 'TORCH_DEVICE_BACKEND_AUTOLOAD'
UNCHECKED_LOAD = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
SWITCHES = (ENV_SWITCH, AUTOLOAD, UNCHECKED_LOAD)
"""Environment variables that change what works."""

TIMEOUT_S = 120
MAX_ERROR = 300  # characters
# The folders of a path, but not of a URL.
FOLDERS = re.compile(r'(?<![\w:/])([A-Za-z]:)?([\\/][^\s\\/:\'"]+)*[\\/]')


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


def gather() -> Facts:
    """Look at this environment, in processes of their own."""
    versions = {}
    for name in (*sum(MODULES.values(), ()), 'click', 'albumentations'):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    replies = _use_all()
    return Facts(
        python=platform.python_version(),
        versions=versions,
        errors={
            module: _anonymize(reply['error'])
            for module, reply in replies.items()
            if not reply['missing']
        },
        replaced=tuple(
            name
            for name in REPLACEMENTS
            if any(name in reply['replaced'] for reply in replies.values())
        ),
        env={name: os.environ[name] for name in SWITCHES & os.environ.keys()},
        entry_point=any(
            entry.value.startswith('uniformer_mm_autoload')
            for entry in entry_points(group='torch.backends')
        ),
        gpu=replies['torch'].get('told', ''),
    )


def _use_all() -> dict[str, dict[str, Any]]:
    """Return the answer for each module.

    All are tried in one process, since most import torch. What fails there,
    or comes after one that crashes, is tried in a process of its own.
    """
    # Ours last: it changes what others meet.
    order = sorted(MODULES, key=lambda module: module == 'uniformer_mm')
    replies = _probe(*order)
    alone = [m for m, r in replies.items() if r['error'] and not r['missing']]
    with ThreadPoolExecutor(max_workers=2) as pool:
        for reply in pool.map(_probe, alone):
            replies.update(reply)
    return replies


def _probe(*modules: str) -> dict[str, dict[str, Any]]:
    """Return the answers of one process that uses these, one by one."""
    names = {IMPORTED.get(module, module): module for module in modules}
    try:
        child = subprocess.run(
            [sys.executable, probe.__file__, *names],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
        )
        said, end = child.stdout, f'crashed (exit code {child.returncode})'
    except subprocess.TimeoutExpired as error:
        said, end = error.stdout or b'', f'no answer within {TIMEOUT_S} s'
    dead = {'error': end, 'missing': False, 'replaced': []}
    replies: dict[str, dict[str, Any]] = dict.fromkeys(modules, dead)
    for line in said.decode(errors='replace').splitlines():
        if line.startswith(probe.MARK):
            reply = json.loads(line)
            replies[names[reply['module']]] = reply
    return replies


def _anonymize(error: str) -> str:
    """Return the first line of ``error``, files without their folders."""
    line = error.strip().partition('\n')[0]
    # Only these may hold spaces; a bare root would take every slash.
    for folder in (sys.prefix, os.path.expanduser('~'), os.getcwd()):
        if len(folder) > len('C:\\'):
            line = line.replace(folder, '')
    return FOLDERS.sub('', line)[:MAX_ERROR].rstrip('. ')
