"""tools.scaling: what it counts, and the table in the document."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tools.generated import filled
from tools.scaling import (
    TOOL,
    Counts,
    Machine,
    all_reduce_bytes,
    efficiency,
    numbers_kept,
    sharded_bytes,
    table,
)
from uniformer_mm import UniFormer


def test_numbers_kept() -> None:
    """The input and what a sigmoid returned, once each; no weights."""
    with torch.device('meta'):
        layers = [nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 2)]
        x = torch.empty(3, 4, requires_grad=True)
    assert numbers_kept(layers, x) == 3 * 4 + 3 * 8


def test_attention_keeps_no_map() -> None:
    arch = {'depths': (1, 1, 1, 1), 'embed_dims': (8, 8, 8, 8), 'head_dim': 8}
    kept = []
    for side in (256, 512):
        with torch.device('meta'):
            model = UniFormer(arch).train()
            x = torch.empty(1, 3, side, side)
        kept.append(numbers_kept([model], x))
    assert kept[1] / kept[0] == pytest.approx(4, rel=0.01)


def test_traffic_and_efficiency() -> None:
    # A ring of 4: each sends 3 of 4 parts twice; of 4 bytes a number.
    assert all_reduce_bytes(100, 4) == 2 * 3 / 4 * 400
    assert sharded_bytes(100, 4) == 3 * 3 / 4 * 400
    counts = Counts(params=100, macs=1000, kept=0, kept_recomputed=0)
    # 12,000 operations of 2 images at 30% of 40,000: a second. 750 bytes
    # inside a machine, and half as fast outside.
    machine = Machine('a', 0, 40_000, inside=700, outside=350)
    assert efficiency(counts, machine, 8) == pytest.approx(1 / 2)
    outside = all_reduce_bytes(100, 16) / 350
    assert efficiency(counts, machine, 16) == pytest.approx(1 / (1 + outside))


@pytest.mark.slow
def test_the_document_has_the_table() -> None:
    pytest.importorskip('mmdet')
    document = Path(__file__).parents[2] / 'docs/distributed.md'
    assert document.read_text() == filled(document, TOOL, table())
