"""Inference in tiles gives the same, and holds a tile of hidden at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.test_backbones.models import KINDS, build, random_input
from uniformer_mm import deploy
from uniformer_mm.backbones import tiles

TILE = 7


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, 'TOKENS_PER_THREAD', TILE)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 1)


def hidden_tokens(model: Any, x: torch.Tensor) -> tuple[Any, dict[str, int]]:
    """The outputs, and the most tokens an MLP of each stage had at once."""
    most: dict[str, int] = {}

    def note(stage: str) -> Any:
        def hook(layer: nn.Module, args: tuple[torch.Tensor]) -> None:
            tokens = args[0].numel() // layer.weight.shape[1]
            most[stage] = max(most.get(stage, 0), tokens)

        return hook

    handles = [
        module.fc2.register_forward_pre_hook(note(name.split('.')[0]))
        for name, module in model.named_modules()
        if name.endswith('.mlp')
    ]
    outs = model(x)
    for handle in handles:
        handle.remove()
    return outs, most


@pytest.mark.parametrize('deployed', [False, True])
@pytest.mark.parametrize('kind', list(KINDS))
def test_tiles_give_the_same(kind: str, deployed: bool) -> None:
    model = build(kind).eval()
    x = random_input(kind, 2, 75, 101)
    expected, whole = hidden_tokens(model, x)
    if deployed:
        deploy(model)
    kept = x.clone()
    with torch.no_grad():
        outs, most = hidden_tokens(model, x)
    for a, b in zip(outs, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    assert torch.equal(x, kept)
    assert whole['blocks1'] == expected[0][:, 0].numel()
    tiled = ['blocks1', 'blocks2']
    if not model.spec.light:
        tiled += ['blocks3', 'blocks4']
    assert all(most[stage] <= TILE < whole[stage] for stage in tiled)


def test_training_and_gradients_see_the_whole_map() -> None:
    model = build('image').eval()
    x = random_input('image', 1, 64, 64)
    assert hidden_tokens(model, x)[1]['blocks1'] == 256
    with torch.no_grad():
        assert hidden_tokens(model.train(), x)[1]['blocks1'] == 256
        frozen = build('image', frozen_stages=1)
        most = hidden_tokens(frozen, x)[1]
    assert most['blocks1'] <= TILE
    assert most['blocks2'] == 64


def test_a_map_in_other_memory_is_not_tiled_and_right() -> None:
    model = build('image').eval()
    block = model.blocks1[0]
    x = torch.randn(2, 8, 6, 5)
    with torch.no_grad():
        expected = block(x.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(block(x), expected)
        assert not tiles.tiles_pay(block, x.movedim(1, -1))
