"""Figures of the original ``xtcocotools``, for where it does not run.

``python -m tests.support.xtcocotools_figures`` writes ``STORED`` anew, with
xtcocotools 1.14.3 and NumPy 1.
"""

from __future__ import annotations

import importlib
import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.keypoint_sets import KINDS, evaluate, make_case
from tests.support.pose_metrics import compute

STORED = Path(__file__).parents[1] / 'golden/xtcocotools/figures.json'
CASES = [
    (kind, use_area, seed)
    for seed, (kind, use_area) in enumerate(
        itertools.product(KINDS, (True, False))
    )
]


def original(module: str) -> Any:
    """Return a module of the original; skip where it is missing or broken."""
    try:
        compiled = importlib.import_module('xtcocotools._mask')
        found = importlib.import_module(f'xtcocotools.{module}')
    except ImportError:
        pytest.skip('xtcocotools is not installed')
    if Path(compiled.__file__ or '').suffix == '.py':
        pytest.skip('the installed xtcocotools is not the original')
    return found


def figures(coco: Any, evaluator: Any, folder: Path) -> dict[str, Any]:
    """Return the figures of every case with these two classes."""
    answer = {}
    for kind, use_area, seed in CASES:
        case = make_case(kind, use_area, seed)
        run = evaluate(coco, evaluator, case, folder)
        recall, precision, scores = (
            run.eval[key] for key in ('recall', 'precision', 'scores')
        )
        run.summarize()
        answer[f'{kind} {use_area} {seed}'] = {
            'stats': _plain(run.stats),
            # At four of the ten thresholds of overlap.
            'recall': _plain(recall[::3]),
            'precision': _plain(precision[::3].mean(axis=1)),
            'scores': _plain(scores[::3].mean(axis=1)),
        }
    return answer


def _plain(array: Any) -> list[float]:
    return [round(float(number), 6) for number in array.ravel()]


def main() -> None:
    """Write ``STORED``."""
    theirs = original('coco').COCO, original('cocoeval').COCOeval
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = {
            'evaluations': figures(*theirs, folder),
            'mmpose': compute(folder),
        }
    lines = json.dumps(content, default=float, separators=(',', ':'))
    STORED.write_text(lines.replace('},', '},\n') + '\n')


if __name__ == '__main__':
    main()
