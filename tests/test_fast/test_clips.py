"""One clip is convolved by oneDNN, in channels-last memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from tests.support.fast_runs import assert_close, counted, shape_or_error
from uniformer_mm.fast.leaves import call

STEM = {'kernel_size': 3, 'stride': (1, 2, 2), 'padding': 1}


def convolve(
    clips: int = 1, dtype: torch.dtype = torch.float32, **settings: Any
) -> tuple[Any, Any, bool]:
    """What a layer gives, called fast and called; whether fast it was."""
    torch.manual_seed(0)
    layer = nn.Conv3d(4, 8, **{**STEM, **settings}).to(dtype)
    x = torch.randn(clips, 4, 6, 9, 10, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last_3d)
    with torch.no_grad(), counted() as count:
        got = call(layer, x)
        return got, layer(x), bool(count['convolve_clip'])


@pytest.mark.parametrize(
    'settings',
    [
        {},
        {'bias': False},
        {'kernel_size': (1, 2, 2), 'padding': 0},
        {'kernel_size': (3, 4, 4), 'stride': (2, 4, 4), 'padding': (1, 0, 0)},
        {'dilation': (1, 2, 2)},
        {'kernel_size': 1, 'stride': 1, 'padding': 0},
    ],
)
def test_equals_torchs_own(settings: dict[str, Any]) -> None:
    got, expected, was_fast = convolve(**settings)
    assert was_fast
    assert_close(got, expected)
    assert got.movedim(1, -1).is_contiguous()


@pytest.mark.parametrize(
    'settings',
    [
        {'clips': 2},
        {'clips': 0},
        {'dtype': torch.float64},
        {'groups': 2},
        {'padding_mode': 'circular'},
        {'padding': 'same', 'stride': 1},
    ],
)
def test_all_else_is_left_to_torch(settings: dict[str, Any]) -> None:
    got, expected, was_fast = convolve(**settings)
    assert not was_fast
    assert torch.equal(got, expected)


def test_without_onednn_torch_convolves() -> None:
    with torch.backends.mkldnn.flags(enabled=False):
        assert not convolve()[2]


@pytest.mark.parametrize(
    'shape', [(1, 4, 6, 2, 9), (1, 3, 6, 9, 9), (4, 6, 9, 9)]
)
def test_torch_tells_what_does_not_fit(shape: tuple[int, ...]) -> None:
    layer, x = nn.Conv3d(4, 8, 3), torch.rand(shape)
    assert shape_or_error(partial(call, layer), x) == shape_or_error(layer, x)
