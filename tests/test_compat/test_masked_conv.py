from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.support.waves import wave

ops = pytest.importorskip('mmcv.ops')

# On the CPU compiled mmcv has no kernels for this op.
pytestmark = pytest.mark.usefixtures('mmcv_lite')


@pytest.mark.parametrize(
    ('kernel', 'padding'), [((3, 3), (1, 1)), ((1, 1), 0), ((3, 5), (1, 2))]
)
def test_it_is_a_convolution_where_the_mask_is(
    kernel: tuple[int, int], padding: tuple[int, int]
) -> None:
    features, mask = wave(1, 3, 5, 7), wave(1, 5, 7, step=2.3)
    layer = ops.MaskedConv2d(3, 4, kernel, padding=padding)
    with torch.no_grad():
        got = layer(features, mask)
        expected = layer(features) * (mask > 0)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize('padding', [0, 2])
def test_each_place_is_the_corner_of_its_kernel(padding: int) -> None:
    # Where the output is no larger than the mask, places beyond it have none.
    features = wave(1, 3, 5, 7)
    weight, bias = wave(4, 3, 3, 3), wave(4)
    full = F.conv2d(features, weight, bias, padding=padding)
    mask = torch.zeros(1, 5, 7)
    mask[0, :3, :5] = 1
    got = ops.masked_conv2d(features, mask, weight, bias, padding)
    expected = torch.zeros_like(full)
    expected[:, :, :3, :5] = full[:, :, :3, :5]
    torch.testing.assert_close(got, expected)


def test_an_empty_mask_gives_zeros() -> None:
    layer = ops.MaskedConv2d(3, 4, 3, padding=1)
    out = layer(wave(1, 3, 5, 7), torch.zeros(1, 5, 7))
    assert torch.equal(out, torch.zeros(1, 4, 5, 7))


def test_a_place_outside_of_the_output_is_an_error() -> None:
    mask = torch.ones(1, 5, 7)
    with pytest.raises(IndexError, match='out of bounds'):
        ops.masked_conv2d(wave(1, 3, 5, 7), mask, wave(4, 3, 3, 3), wave(4), 0)
