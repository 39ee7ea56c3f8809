"""Installing this clone with pip into environments made for a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, '-m', 'pip', '--disable-pip-version-check']
OFFLINE = ['--quiet', '--no-deps', '--no-build-isolation', '--no-index']
RunPython = Callable[..., 'subprocess.CompletedProcess[str]']
SWITCHES = ('UNIFORMER_MM_COMPAT', 'TORCH_DEVICE_BACKEND_AUTOLOAD')
LEFT_OUT = shutil.ignore_patterns(
    '.git',
    '.venv',
    '*.egg-info',
    '__pycache__',
    '.*_cache',
    'build',
    'dist',
    'data',
    'work_dirs',
    'tests',
)


def copy_project(target: Path) -> Path:
    """Copy what an installation needs of this clone; return ``target``."""
    shutil.copytree(ROOT, target, ignore=LEFT_OUT)
    return target


def make_stack(target: Path) -> Path:
    """Link all that this environment holds, but for ``uniformer_mm``."""
    target.mkdir()
    for path in Path(sysconfig.get_path('purelib')).iterdir():
        if 'uniformer_mm' not in path.name and path.name != '__pycache__':
            (target / path.name).symlink_to(path)
    return target


def make_venv(target: Path, *searched: Path) -> Path:
    """Make an environment without pip; return its Python.

    Args:
        target: The folder to make.
        *searched: Folders whose modules it has too, but not what their own
            ``.pth`` files add.
    """
    words = ['-m', 'venv', '--without-pip', str(target)]
    subprocess.run([sys.executable, *words], check=True)
    python = target / 'bin' / 'python'
    lines = ''.join(f'{path}\n' for path in searched)
    (site_packages(python) / 'searched.pth').write_text(lines)
    return python


def site_packages(python: Path) -> Path:
    """Return the site-packages of an environment of :func:`make_venv`."""
    (found,) = python.parents[1].glob('lib/python*/site-packages')
    return found


def pip(python: Path, verb: str, *words: object) -> None:
    """Run ``pip VERB WORDS`` on the environment of ``python``, offline."""
    flags = OFFLINE if verb == 'install' else ['--quiet']
    target = ['--python', str(python)]
    subprocess.run([*PIP, *target, verb, *flags, *map(str, words)], check=True)


def run(
    program: Path, cwd: Path, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``program`` as if nothing of this clone were known to it."""
    dropped = ('PYTHONPATH', *SWITCHES)
    env = {k: v for k, v in os.environ.items() if k not in dropped}
    return subprocess.run(
        [str(program), *words],
        cwd=cwd,
        env={**env, 'OMP_NUM_THREADS': '1', **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
