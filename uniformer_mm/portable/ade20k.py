"""The 150 classes of ADE20K as the published segmentors have them.

The rows of ``ade20k.csv`` are in the order of the class ids, with the colours
that mmseg and the annotators of ControlNet draw.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

__all__ = ['ADE20K_NAMES', 'ADE20K_PALETTE']

with (
    Path(__file__)
    .with_suffix('.csv')
    .open(newline='', encoding='utf-8') as _file
):
    _ROWS = list(csv.DictReader(_file))

ADE20K_NAMES: tuple[str, ...] = tuple(row['name'] for row in _ROWS)
"""Class id -> name."""

ADE20K_PALETTE = np.array(
    [[int(row[part]) for part in ('red', 'green', 'blue')] for row in _ROWS],
    dtype=np.uint8,
)
"""Class id -> colour; (150, 3), uint8, RGB."""
ADE20K_PALETTE.setflags(write=False)
