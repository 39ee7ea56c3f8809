"""What ``uniformer-mm doctor`` looks at: versions, and each module in use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from uniformer_mm.doctor import probe
from uniformer_mm.doctor.installation import OPENCV, Facts, installed
from uniformer_mm.doctor.releases import MMCV
from uniformer_mm.hosts import HOSTS
from uniformer_mm_autoload import REPLACEMENTS

__all__ = ['MODULES', 'Facts', 'gather']

MODULES: Mapping[str, tuple[str, ...]] = {
    'torch': ('torch',),
    'torchvision': ('torchvision',),
    'numpy': ('numpy',),
    'cv2': OPENCV,
    'mmengine': ('mmengine',),
    'mmcv': MMCV,
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

SHARED = {'cv2': OPENCV, 'mmcv': MMCV}
"""Module -> the distributions that have its files in common."""

TIMEOUT_S = 120
MAX_ERROR = 300  # characters
# The folders of a path, but not of a URL.
FOLDERS = re.compile(r'(?<![\w:/])([A-Za-z]:)?([\\/][^\s\\/:\'"]+)*[\\/]')


def gather() -> Facts:
    """Look at this environment, in processes of their own."""
    replies = _use_all()
    known = installed()
    # A distribution that was removed took the files from the others.
    torn = {
        module
        for module, names in SHARED.items()
        if known.versions.keys() & set(names)
    }
    return replace(
        known,
        errors={
            module: _anonymize(reply['error'])
            for module, reply in replies.items()
            if module in torn or not reply['missing']
        },
        replaced=tuple(
            name
            for name in REPLACEMENTS
            if any(name in reply['replaced'] for reply in replies.values())
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
