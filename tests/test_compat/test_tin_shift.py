from __future__ import annotations

import pytest
import torch

from tests.support.waves import wave

ops = pytest.importorskip('mmcv.ops')

# On the CPU compiled mmcv has no kernels for this op.
pytestmark = pytest.mark.usefixtures('mmcv_lite')


@pytest.mark.parametrize('dtype', [torch.int32, torch.int64, torch.float32])
def test_groups_of_channels_move_along_time(dtype: torch.dtype) -> None:
    clips = wave(2, 4, 6, 5).requires_grad_()
    shift = torch.tensor([[1, 0, -2], [-1, 9, 3]])
    got = ops.TINShift()(clips, shift.to(dtype))
    expected, grad = torch.zeros(2, 4, 6, 5), wave(2, 4, 6, 5, step=2.1)
    expected_grad = torch.zeros(2, 4, 6, 5)
    for n in range(2):
        for channel in range(6):
            for frame in range(4):
                new = frame + int(shift[n, channel // 2])
                if 0 <= new < 4:
                    expected[n, new, channel] = clips.detach()[
                        n, frame, channel
                    ]
                    expected_grad[n, frame, channel] = grad[n, new, channel]
    assert torch.equal(got, expected)
    (got_grad,) = torch.autograd.grad(got, clips, grad)
    assert torch.equal(got_grad, expected_grad)
