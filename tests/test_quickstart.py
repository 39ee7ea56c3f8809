"""quickstart.sh: what it refuses, and how. Its main path is run by CI."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def quickstart(
    venv: Path, *words: str, free_gib: int = 100, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the script on a disk that has ``free_gib`` left."""
    bin_dir = venv.parent / 'bin'
    bin_dir.mkdir()
    blocks = free_gib * 2**20  # of 1 KiB
    script(bin_dir / 'df', f'printf "head\\nfs 1 1 {blocks} 1 /\\n"')
    return subprocess.run(
        ['bash', str(ROOT / 'quickstart.sh'), *words],
        env={
            **os.environ,
            'UNIFORMER_MM_VENV': str(venv),
            'PATH': f'{bin_dir}:{os.environ["PATH"]}',
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def script(path: Path, text: str) -> Path:
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    return path


def assert_refused(
    done: subprocess.CompletedProcess[str], message: str
) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith('quickstart: ')
    assert message in done.stderr


def test_an_unknown_command(tmp_path: Path) -> None:
    done = quickstart(tmp_path / 'venv', 'tset')
    assert_refused(done, 'unknown command tset; use')


def test_a_python_out_of_range(tmp_path: Path) -> None:
    old = script(tmp_path / 'old python', 'echo 3.9')
    venv = tmp_path / 'venv'
    done = quickstart(venv, 'setup', UNIFORMER_MM_PYTHON=str(old))
    assert_refused(
        done,
        f'needs Python 3.10 or 3.11 with its venv module; tried: {old} (3.9)',
    )
    assert not venv.exists()


def test_a_python_that_is_not_there(tmp_path: Path) -> None:
    done = quickstart(
        tmp_path / 'venv', 'setup', UNIFORMER_MM_PYTHON='no-such-python'
    )
    assert_refused(done, 'tried: no-such-python (not usable)')


def test_a_disk_too_small(tmp_path: Path) -> None:
    done = quickstart(
        tmp_path / 'venv',
        'setup',
        free_gib=11,
        UNIFORMER_MM_PYTHON=sys.executable,
    )
    assert_refused(done, 'needs 12 GiB of free disk')
    assert 'found 11;' in done.stderr


def test_no_connection(tmp_path: Path) -> None:
    done = quickstart(
        tmp_path / 'venv',
        'setup',
        UNIFORMER_MM_PYTHON=sys.executable,
        PIP_NO_INDEX='1',
        PIP_FIND_LINKS='',
        PIP_CONFIG_FILE=os.devnull,
    )
    assert done.returncode == 1
    assert 'cannot fetch from the Python package index' in done.stderr


def test_a_full_mmcv_is_not_overwritten(tmp_path: Path) -> None:
    venv = tmp_path / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', str(venv)], check=True)
    site = next(venv.glob('lib/python*/site-packages'))
    info = site / 'mmcv-2.1.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Name: mmcv\nVersion: 2.1.0\n')
    (info / 'RECORD').write_text('')
    done = quickstart(venv, 'setup')
    assert_refused(done, 'holds a full mmcv')
    assert info.is_dir()


@pytest.mark.parametrize('lock', ['requirements/none.txt'])
def test_an_unknown_lock(tmp_path: Path, lock: str) -> None:
    done = quickstart(tmp_path / 'venv', 'setup', UNIFORMER_MM_LOCK=lock)
    assert_refused(done, f'no pinned set {lock}')


def test_the_project_is_installed_again_after_edits(tmp_path: Path) -> None:
    """Of what an editable install copies, which pip would not see."""
    source = tmp_path / 'source'
    source.mkdir()
    parts = ('setup.cfg', 'setup.py', 'pyproject.toml', 'quickstart.sh')
    copies = ('uniformer_mm_autoload.py', 'uniformer_mm_command.py')
    for name in (*parts, *copies):
        shutil.copy(ROOT / name, source)
    (source / 'lock.txt').touch()
    bin_dir = tmp_path / 'venv' / 'bin'
    bin_dir.mkdir(parents=True)
    script(bin_dir / 'python', 'echo "$@" >>calls')
    stamp = f'{hashlib.sha256().hexdigest()}  lock.txt'
    (tmp_path / 'venv' / '.installed-stack').write_text(stamp)
    variables = {
        'UNIFORMER_MM_VENV': str(tmp_path / 'venv'),
        'UNIFORMER_MM_LOCK': 'lock.txt',
    }

    def installs() -> int:
        words = ['bash', 'quickstart.sh', 'setup']
        env = {**os.environ, **variables}
        subprocess.run(words, cwd=source, env=env, check=True)
        return (source / 'calls').read_text().count('--editable .')

    assert installs() == installs() == 1
    for count, name in enumerate(copies, start=2):
        (source / name).write_text('# edited')
        assert installs() == installs() == count
