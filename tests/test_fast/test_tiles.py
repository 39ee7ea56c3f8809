"""Inference holds a tile of hidden activations at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.fast_runs import make_everything_pay
from tests.support.models import build, random_input
from uniformer_mm import deploy
from uniformer_mm.fast import tiles


@pytest.mark.parametrize('deployed', [False, True])
@pytest.mark.parametrize('kind', ['image', 'video', 'light'])
def test_no_mlp_has_more_tokens_than_a_tile(
    kind: str, deployed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_everything_pay(monkeypatch)
    lengths: list[int] = []
    of_tokens = tiles.mlp_of_tokens

    def spy(mlp: Any, tokens: Tensor) -> Tensor:
        lengths.append(len(tokens))
        return of_tokens(mlp, tokens)

    monkeypatch.setattr(tiles, 'mlp_of_tokens', spy)
    model = build(kind).eval()
    if deployed:
        deploy(model)
    with torch.no_grad():
        outs = model(random_input(kind, 2, 75, 101))
    most = tiles.TOKENS_PER_THREAD * torch.get_num_threads()
    assert max(lengths) <= most
    stages = 2 if model.spec.light else 4
    depths = model.spec.depths[:stages]
    tokens = [out[:, 0].numel() for out in outs[:stages]]
    assert sum(lengths) == sum(
        d * n for d, n in zip(depths, tokens, strict=True)
    )


def test_a_map_in_other_memory_is_not_tiled_and_right() -> None:
    block = build('image').eval().blocks1[0]
    x = torch.randn(2, 8, 6, 5)
    with torch.no_grad():
        expected = block.mix(x.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(block.mix(x), expected)
        assert tiles.conv_block(block, x) is NotImplemented
