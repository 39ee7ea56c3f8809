from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.support.waves import wave

ops = pytest.importorskip('mmcv.ops')
from mmcv import _ext  # noqa: E402

# On the CPU compiled mmcv has no kernels for these ops.
pytestmark = pytest.mark.usefixtures('mmcv_lite')
SETTINGS = [(3, 1, 2), (5, 2, 2), (1, 4, 3), (3, 2, 1)]


def make_inputs(kernel: int, groups: int, scale: int) -> list[Tensor]:
    """Return features and masks."""
    masks = (2, groups * kernel**2, 3 * scale, 4 * scale)
    inputs = [wave(2, 4, 3, 4), wave(*masks, step=2.3)]
    return [t.double().requires_grad_() for t in inputs]


def by_definition(
    features: Tensor, masks: Tensor, kernel: int, groups: int, scale: int
) -> Tensor:
    """CARAFE, equation 4, cell by cell."""
    num, channels, height, width = features.shape
    values = []
    for n in range(num):
        for c in range(channels):
            group = c // (channels // groups)
            for y in range(height * scale):
                for x in range(width * scale):
                    total = 0 * features[0, 0, 0, 0]
                    for tap in range(kernel**2):
                        i = y // scale + tap // kernel - kernel // 2
                        j = x // scale + tap % kernel - kernel // 2
                        if 0 <= i < height and 0 <= j < width:
                            mask = masks[n, group * kernel**2 + tap, y, x]
                            total = total + features[n, c, i, j] * mask
                    values.append(total)
    return torch.stack(values).reshape(
        num, channels, height * scale, width * scale
    )


@pytest.mark.parametrize('settings', SETTINGS)
def test_forward_and_backward_by_definition(
    settings: tuple[int, int, int],
) -> None:
    inputs = make_inputs(*settings)
    got = ops.CARAFE(*settings)(*inputs)
    expected = by_definition(*inputs, *settings)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)
    grad = wave(*got.shape, step=2.1).double()
    wanted = torch.autograd.grad(expected, inputs, grad)
    for a, b in zip(
        torch.autograd.grad(got, inputs, grad), wanted, strict=True
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    # mmcv calls the backward function of the naive one on CUDA alone.
    features, masks = (t.detach() for t in inputs)
    torch.testing.assert_close(
        ops.CARAFENaive(*settings)(features, masks), got.detach()
    )
    naive = [torch.empty_like(t) for t in inputs]
    names = ('kernel_size', 'group_size', 'scale_factor')
    _ext.carafe_naive_backward(
        grad,
        features,
        masks,
        *naive,
        **dict(zip(names, settings, strict=True)),
    )
    for a, b in zip(naive, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_a_mask_that_names_the_cell_repeats_it() -> None:
    features = wave(1, 2, 3, 4)
    masks = torch.zeros(1, 9, 6, 8)
    masks[:, 4] = 1
    got = ops.carafe(features, masks, 3, 1, 2)
    expected = torch.nn.functional.interpolate(features, scale_factor=2)
    assert torch.equal(got, expected)


def test_the_upsampler_trains() -> None:
    layer = ops.CARAFEPack(8, 2, up_kernel=5, up_group=2)
    features = wave(2, 8, 3, 4).requires_grad_()
    out = layer(features)
    assert out.shape == (2, 8, 6, 8)
    out.square().sum().backward()
    assert features.grad is not None
    assert all(p.grad is not None for p in layer.parameters())
