from __future__ import annotations

import pytest
import torch

from tests.support.waves import wave

ops = pytest.importorskip('mmcv.ops')
from mmcv import _ext  # noqa: E402

HEIGHT, WIDTH = 3, 4


@pytest.mark.parametrize('kind', ['collect', 'distribute'])
@pytest.mark.parametrize('size', [(5, 7), (3, 5), (1, 3), (9, 9), (4, 2)])
def test_forward_and_backward_by_definition(
    kind: str, size: tuple[int, int]
) -> None:
    masks = wave(2, size[0] * size[1], HEIGHT, WIDTH).requires_grad_()
    cells = HEIGHT * WIDTH
    got = ops.PSAMask(kind, size)(masks)
    expected = torch.zeros(2, cells, HEIGHT, WIDTH)
    grad = wave(*expected.shape, step=2.1)
    expected_grad = torch.zeros_like(masks)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            for tap in range(size[0] * size[1]):
                other_y = y + tap // size[1] - (size[0] - 1) // 2
                other_x = x + tap % size[1] - (size[1] - 1) // 2
                if not (0 <= other_y < HEIGHT and 0 <= other_x < WIDTH):
                    continue
                if kind == 'collect':
                    at = (other_y * WIDTH + other_x, y, x)
                else:
                    at = (y * WIDTH + x, other_y, other_x)
                place = (slice(None), *at)
                expected[place] = masks.detach()[:, tap, y, x]
                expected_grad[:, tap, y, x] = grad[place]
    assert torch.equal(got, expected)
    (got_grad,) = torch.autograd.grad(got, masks, grad)
    assert torch.equal(got_grad, expected_grad)


@pytest.mark.usefixtures('mmcv_lite')
def test_an_unknown_type_is_refused() -> None:
    masks, sizes = wave(1, 9, 2, 2), {'h_feature': 2, 'w_feature': 2}
    with pytest.raises(ValueError, match=r'0 .collect. or 1 .* got 2'):
        _ext.psamask_forward(
            masks, torch.zeros(1, 4, 2, 2), psa_type=2, num_=1, h_mask=3,
            w_mask=3, half_h_mask=1, half_w_mask=1, **sizes,
        )  # fmt: skip
