"""Rollout against the product of whole matrices, by numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.models import random_input
from tests.support.small import small
from uniformer_mm.view.attention import attended
from uniformer_mm.view.blocks import attention_blocks
from uniformer_mm.view.recorded import Call, record
from uniformer_mm.view.rollout import rollout


def calls_of(kind: str, h: int, w: int, **changes: object) -> list[Call]:
    model = small(kind, **changes)
    x = random_input(kind, 1, h, w)
    return list(record(model, x, attention_blocks(model)).values())


def matrix(call: Call, number: int) -> np.ndarray:
    """Half identity, half mean attention over valid keys, row by row."""
    rows = [
        attended(call, one, stay=0.5, padding=False).mean(0)
        for one in torch.eye(number)
    ]
    return (np.eye(number) + torch.stack(rows).double().numpy()) / 2


@torch.no_grad()
@pytest.mark.parametrize(
    ('kind', 'h', 'w', 'changes'),
    [
        ('layer_scale', 96, 64, {}),
        ('layer_scale', 96, 64, {'attention': 'window', 'window_size': 3}),
        ('layer_scale', 80, 64, {}),  # 5 rows make 2 patches
        ('conv_stem', 80, 64, {}),  # 5 rows make 3
        ('video', 64, 96, {}),
        ('split', 64, 96, {}),
    ],
)
def test_product(
    kind: str, h: int, w: int, changes: dict[str, object]
) -> None:
    calls = calls_of(kind, h, w, **changes)
    (*times, rows, columns), small_shape = calls[0].shape, calls[-1].shape
    frames = int(np.prod(times, dtype=int))
    fine = frames * rows * columns
    coarse = int(np.prod(small_shape))
    patches = np.zeros((coarse, fine))
    for t in range(frames):
        for y in range(rows):
            for x in range(columns):
                up, left = y // 2, x // 2
                if up < small_shape[-2] and left < small_shape[-1]:
                    cell = (t * small_shape[-2] + up) * small_shape[-1] + left
                    patches[cell, (t * rows + y) * columns + x] = 1
    patches /= patches.sum(1, keepdims=True)
    whole = matrix(calls[2], coarse) @ patches
    whole = whole @ matrix(calls[1], fine) @ matrix(calls[0], fine)
    assert np.allclose(whole.sum(1), 1, atol=1e-5)
    for token in (0, coarse - 1):
        got = rollout(calls, token).flatten()
        assert np.allclose(got, whole[token], atol=1e-6)
    mean = rollout(calls)
    assert mean.shape == calls[0].shape
    assert np.allclose(mean.flatten(), whole.mean(0), atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize('kind', ['light', 'light_video'])
def test_class_token_of_light_models(kind: str) -> None:
    """It keeps 1 / 2**blocks of itself at least; stage 4 has 2 x 2 tokens."""
    calls = calls_of(kind, 64, 64)
    assert calls[-1].shape[-2:] == (2, 2)
    fine, coarse = (c.block and int(np.prod(c.shape)) for c in calls[1:])
    frames = fine // 16
    patches = np.zeros((1 + coarse, 1 + fine))
    patches[0, 0] = 1
    for token in range(fine):
        t, place = divmod(token, 16)
        y, x = divmod(place, 4)
        patches[1 + t * 4 + y // 2 * 2 + x // 2, 1 + token] = 1 / 4
    assert frames * 4 == coarse
    whole = matrix(calls[2], 1 + coarse) @ patches
    whole = whole @ matrix(calls[1], 1 + fine) @ matrix(calls[0], 1 + fine)
    got = rollout(calls)
    assert np.allclose(got.flatten(), whole[0, 1:], atol=1e-6)
    assert got.sum() == pytest.approx(1 - whole[0, 0], abs=1e-5)
    assert whole[0, 0] > 1 / 8
    got = rollout(calls, 2)
    assert np.allclose(got.flatten(), whole[3, 1:], atol=1e-6)
