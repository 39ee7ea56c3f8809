"""quickstart.sh: what it refuses, and how. Its main path is run by CI."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.quickstart_summary import METRICS
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data
from uniformer_mm.toy_data.spec import Array

ROOT = Path(__file__).parents[1]


def quickstart(
    venv: Path, *words: str, free_gib: int = 100, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the script on a disk that has ``free_gib`` left."""
    bin_dir = venv.parent / 'bin'
    bin_dir.mkdir(exist_ok=True)
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


@pytest.mark.parametrize('word', ['help', '--help', '-h'])
def test_help_tells_the_commands_and_variables(
    tmp_path: Path, word: str
) -> None:
    done = quickstart(tmp_path / 'venv', word)
    assert done.returncode == 0
    for told in ('quickstart.sh test', 'quickstart.sh setup', '_WORK_DIR'):
        assert told in done.stdout
    assert 'pipefail' not in done.stdout
    assert '#' not in done.stdout


def test_an_unknown_command(tmp_path: Path) -> None:
    done = quickstart(tmp_path / 'venv', 'tset')
    assert_refused(done, 'unknown command tset; what there is:\nFrom a fresh')


def test_pythons_that_will_not_do_are_told_apart(tmp_path: Path) -> None:
    old = script(tmp_path / 'old python', 'echo 3.9')
    bare = script(tmp_path / 'bare', "echo '3.11 without its venv module'")
    shim = script(tmp_path / 'shim', 'echo shim: no such one >&2; exit 127')
    for python, what in {
        str(old): '3.9',
        str(bare): '3.11 without its venv module',
        str(shim): 'found, but does not run: shim: no such one',
        'no-such-python': 'not found',
    }.items():
        done = quickstart(
            tmp_path / 'venv', 'setup', UNIFORMER_MM_PYTHON=python
        )
        assert_refused(
            done,
            'needs Python 3.10 to 3.13 with its venv module; tried: '
            f'{python} ({what}). UNIFORMER_MM_PYTHON names it: name another',
        )
        assert not (tmp_path / 'venv').exists()


def test_a_python_that_lacks_venv(tmp_path: Path) -> None:
    """As Debian splits it: what the script asks of Python finds it out."""
    (tmp_path / 'ensurepip.py').write_text('raise ImportError')
    done = quickstart(
        tmp_path / 'venv',
        'setup',
        UNIFORMER_MM_PYTHON=sys.executable,
        PYTHONPATH=str(tmp_path),
    )
    version = f'{sys.version_info[0]}.{sys.version_info[1]}'
    assert_refused(done, f'({version} without its venv module)')


def test_an_environment_of_a_python_out_of_range(tmp_path: Path) -> None:
    """The variable to blame is that of the environment, not of Python."""
    (tmp_path / 'venv' / 'bin').mkdir(parents=True)
    python = script(tmp_path / 'venv' / 'bin' / 'python', 'echo 3.14')
    done = quickstart(tmp_path / 'venv', 'setup')
    assert_refused(done, f'tried: {python} (3.14). Remove {python.parents[1]}')
    assert 'UNIFORMER_MM_VENV' in done.stderr
    assert 'UNIFORMER_MM_PYTHON' not in done.stderr


def test_a_disk_too_small(tmp_path: Path) -> None:
    done = quickstart(
        tmp_path / 'venv',
        'setup',
        free_gib=11,
        UNIFORMER_MM_PYTHON=sys.executable,
    )
    assert_refused(done, 'needs 12 GiB of free disk')
    assert 'found 11;' in done.stderr
    assert not (tmp_path / 'venv').exists()


def test_no_connection_leaves_nothing(tmp_path: Path) -> None:
    done = quickstart(
        tmp_path / 'venv',
        'setup',
        UNIFORMER_MM_PYTHON=sys.executable,
        PIP_INDEX_URL='http://127.0.0.1:9/simple',
        PIP_CONFIG_FILE=os.devnull,
    )
    # Ours are the first words, and pip's on the connection come after them.
    assert_refused(done, "can't fetch from the Python package index: offline")
    assert 'pip says: WARNING: Retrying' in done.stderr
    assert 'No matching distribution' not in done.stderr
    assert not (tmp_path / 'venv').exists()


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
    script(
        bin_dir / 'python', '[ "$1" = -c ] && echo 3.11 || echo "$@" >>calls'
    )
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


def summary(
    work_dir: Path, scores: list[float], ap50: float
) -> subprocess.CompletedProcess[str]:
    """Sum up a test that found each shape once per score, on the dot."""
    root = work_dir / 'data'
    make_toy_data(root, ToyDataSpec(1, 12, 64, train_clips=0, val_clips=0))
    truth = json.loads((root / 'annotations/instances_val.json').read_text())
    (work_dir / 'config.py').write_text(f"""
metainfo = dict(palette=[(220, 60, 60), (60, 160, 60), (60, 90, 220)])
default_hooks = dict(visualization=dict(score_thr=0.6))
test_dataloader = dict(dataset=dict(
    data_root={str(root)!r}, ann_file='annotations/instances_val.json',
    data_prefix=dict(img='val/')))
""")
    found = [
        {**shape, 'score': score}
        for score in scores
        for shape in truth['annotations']
    ]
    (work_dir / 'predictions.segm.json').write_text(json.dumps(found))
    metrics = dict.fromkeys(METRICS.values(), ap50)
    (work_dir / 'run' / 'vis_data').mkdir(parents=True, exist_ok=True)
    (work_dir / 'run' / 'run.json').write_text(json.dumps(metrics))
    log = (json.dumps(dict.fromkeys(metrics, ap)) for ap in (0.0, ap50))
    (work_dir / 'run/vis_data/scalars.json').write_text('\n'.join(log))
    words = [sys.executable, '-m', 'tools.quickstart_summary', str(work_dir)]
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_picture_shows_what_is_found_for_sure(tmp_path: Path) -> None:
    def picture(scores: list[float]) -> Array:
        done = summary(tmp_path, scores, 0.9)
        assert done.returncode == 0, done.stderr
        assert 'predictions.jpg' in done.stdout
        return cv2.imread(str(tmp_path / 'predictions.jpg')).astype(int)

    sure, nothing = picture([0.99]), picture([])
    assert (picture([0.99, 0.59]) == sure).all()
    differ = np.abs(sure - nothing).max((0, 2)) > 64
    # Twelve pairs in rows of three: the predictions differ, the truth doesn't.
    for pair in np.array_split(differ, 3):
        truth, prediction = np.array_split(pair, 2)
        assert prediction.any()
        assert not truth.any()


def test_a_miss_fails(tmp_path: Path) -> None:
    done = summary(tmp_path, [0.99], 0.7)
    assert done.returncode == 1
    assert 'below 0.75: box AP50, mask AP50' in done.stdout
