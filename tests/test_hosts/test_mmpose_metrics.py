"""mmpose's metrics, sets and masks with the stand-in for ``xtcocotools``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.installs import ROOT
from tests.support.xtcocotools_figures import STORED, original

pytest.importorskip('mmpose')


def compute(folder: Path, *words: str) -> dict[str, Any]:
    """Return what a process of its own computes; see the module it runs."""
    done = subprocess.run(
        [sys.executable, '-m', 'tests.support.pose_metrics', folder, *words],
        cwd=ROOT,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope='module')
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    answer = compute(tmp_path_factory.mktemp('ours'), '--ours')
    assert answer.pop('file') == 'xtcocotools_cocoeval.py'
    return answer


def test_the_figures_equal_those_of_the_installed_original(
    ours: dict[str, Any], tmp_path: Path
) -> None:
    original('cocoeval')
    theirs = compute(tmp_path)
    assert theirs.pop('file') == 'cocoeval.py'
    assert ours == theirs


def test_the_original_s_stored_figures_are_met(ours: dict[str, Any]) -> None:
    stored = json.loads(STORED.read_text())['mmpose']
    assert ours.keys() == stored.keys()
    for name, expected in stored.items():
        if isinstance(expected, dict) and name != 'sets':
            assert max(expected.values()) > 0.1, name
            assert ours[name] == pytest.approx(expected, abs=1e-6), name
        else:
            assert ours[name] == expected, name
