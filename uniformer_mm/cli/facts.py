"""What ``uniformer-mm doctor`` looks at: versions, and each module in use.

Each module of the stack is imported and used in a process of its own, so that
one that crashes leaves the others their answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any

from uniformer_mm.cli.breakages import SWITCHES, Facts
from uniformer_mm_autoload import REPLACEMENTS

__all__ = ['HOSTS', 'MODULES', 'gather']

MODULES = {
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
    'mmdet': ('mmdet',),
    'mmseg': ('mmsegmentation',),
    'mmpose': ('mmpose',),
    'mmaction': ('mmaction2',),
    'xtcocotools': ('xtcocotools',),
    'mim': ('openmim',),
    'setuptools': ('setuptools',),
}
"""Module -> the distributions that bring it."""

HOSTS = ('mmdet', 'mmseg', 'mmpose', 'mmaction')

USES = {
    'torch': """
on_gpu = torch.cuda.is_available()
torch.ones(2, device='cuda' if on_gpu else 'cpu').sum().item()
if on_gpu:
    card = torch.cuda.get_device_name()
    answer['gpu'] = f'CUDA {torch.version.cuda}, {card}'
""",
    # The second line is what a config with `_base_ = 'mmdet::...'` needs.
    'mmengine': """
import mmengine.runner
mmengine.utils.is_installed('mmengine')
""",
    'mmcv': """
import torch, mmcv.ops
for device in ('cpu', 'cuda')[:1 + torch.cuda.is_available()]:
    boxes = [[0., 0, 9, 9], [0, 0, 9, 8], [20, 20, 29, 29]]
    boxes = torch.tensor(boxes, device=device)
    scores = torch.tensor([0.9, 0.8, 0.7], device=device)
    kept = mmcv.ops.nms(boxes, scores, 0.5)[1].tolist()
    if kept != [0, 2]:
        raise ValueError(f'nms on {device} keeps {kept}, not [0, 2]')
""",
    'uniformer_mm': """
import io, torch
from mmengine.logging import HistoryBuffer
file = io.BytesIO()
torch.save({'message_hub': HistoryBuffer([0.5], [1])}, file)
file.seek(0)
torch.load(file)
""",
    'xtcocotools': 'import xtcocotools.mask',
    'mim': 'import mim.cli',
    **{host: f'import {host}.models' for host in HOSTS},
}
"""Module -> Python code that uses it, where its import proves too little."""

# The current folder is left out, as it is for an installed command.
_CHILD = """
import atexit, json, sys
sys.path[:] = [path for path in sys.path if path]
answer = {{'error': ''}}
def note(kind, error, trace):
    answer['error'] = f'{{kind.__name__}}: {{error}}'
    if kind is ModuleNotFoundError:
        answer['missing'] = error.name
def reply():
    spec = lambda name: getattr(sys.modules.get(name), '__spec__', None)
    answer['replaced'] = [
        name for name, ours in {replacements}.items()
        if str(getattr(spec(name), 'origin', '')).endswith(ours)]
    print('\\n' + json.dumps(answer))
sys.excepthook = note
atexit.register(reply)
import {module}
{use}
"""
TIMEOUT_S = 120
MAX_ERROR = 300  # characters
# The folders of a path, but not of a URL.
FOLDERS = re.compile(r'(?<![\w:/])([A-Za-z]:)?([\\/][^\s\\/:\'"]+)*[\\/]')


def gather() -> Facts:
    """Look at this environment; takes a child process for each module."""
    names = [name for names in MODULES.values() for name in names]
    versions = {}
    for name in (*names, 'click', 'albumentations'):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    with ThreadPoolExecutor(max_workers=2) as pool:
        replies = dict(zip(MODULES, pool.map(_use, MODULES), strict=True))
    return Facts(
        python=platform.python_version(),
        versions=versions,
        errors={
            module: _anonymize(reply['error'])
            for module, reply in replies.items()
            if reply.get('missing') != module
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
        gpu=replies['torch'].get('gpu', ''),
    )


def _use(module: str) -> dict[str, Any]:
    """Return the answer of a child process that uses ``module``."""
    files = {
        name: ours.rpartition('.')[2] + '.py'
        for name, ours in REPLACEMENTS.items()
    }
    code = _CHILD.format(
        module=module, use=USES.get(module, ''), replacements=files
    )
    dead: dict[str, Any] = {'error': '', 'replaced': []}
    try:
        child = subprocess.run(
            [sys.executable, '-c', code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors='replace',
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return dead | {'error': f'no answer within {TIMEOUT_S} s'}
    last = child.stdout.rpartition('\n{')[2]
    if not last.startswith('"error"'):
        return dead | {'error': f'crashed (exit code {child.returncode})'}
    reply: dict[str, Any] = json.loads('{' + last)
    return reply


def _anonymize(error: str) -> str:
    """Return the first line of ``error``, files without their folders."""
    line = error.strip().partition('\n')[0]
    # Only these may hold spaces; a bare root would take every slash.
    for folder in (sys.prefix, os.path.expanduser('~'), os.getcwd()):
        if len(folder) > len('C:\\'):
            line = line.replace(folder, '')
    return FOLDERS.sub('', line)[:MAX_ERROR].rstrip('. ')
