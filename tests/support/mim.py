"""Run ``mim`` as a user does, and read what a run left."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any


def mim(*words: object, cwd: Path, **variables: str) -> str:
    """Run ``mim WORDS`` and return its output; fail with it otherwise."""
    done = run_mim(*words, cwd=cwd, **variables)
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def run_mim(
    *words: object, cwd: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``mim WORDS``, which may fail; its stderr is in its stdout."""
    return subprocess.run(
        [sys.executable, '-m', 'mim', *map(str, words)],
        cwd=cwd,
        env={**os.environ, 'OMP_NUM_THREADS': '1', **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def evaluations(folder: Path, key: str) -> list[dict[str, Any]]:
    """Metrics of all evaluations in a training's work folder, in order.

    ``key`` names a metric that they have.
    """
    (log,) = folder.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return [row for row in rows if key in row]


def metrics_of_mim_test(folder: Path) -> dict[str, Any]:
    """Metrics that ``mim test`` wrote into its work folder."""
    (log,) = folder.glob('*/*.json')
    return json.loads(log.read_text())


def logged_losses(output: str) -> list[float]:
    """The training losses in the log, in order."""
    return [float(x) for x in re.findall(r'  loss: ([\d.]+|nan)', output)]
