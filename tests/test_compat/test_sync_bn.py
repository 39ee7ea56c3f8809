from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import distributed
from torch.nn import BatchNorm2d

from tests.support.waves import wave

ops = pytest.importorskip('mmcv.ops')

# On the CPU compiled mmcv has no kernels for these ops.
pytestmark = pytest.mark.usefixtures('mmcv_lite')


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    """A process group, which mmcv's layer asks for."""
    store = distributed.FileStore(str(tmp_path / 'store'), 1)
    distributed.init_process_group('gloo', store=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures('one_process')
@pytest.mark.parametrize('stats_mode', ['default', 'N'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_one_process_has_batch_norm(
    stats_mode: str, dtype: torch.dtype
) -> None:
    layer = ops.SyncBatchNorm(3, momentum=0.3, stats_mode=stats_mode)
    plain = BatchNorm2d(3, momentum=0.3)
    plain.load_state_dict(layer.state_dict())
    values = wave(2, 3, 5, 7).to(dtype).requires_grad_()
    full = values.detach().float().requires_grad_()
    grad = wave(2, 3, 5, 7, step=2.1).to(dtype)
    out, expected = layer(values), plain(full)
    out.backward(grad)
    expected.backward(grad.float())
    assert values.grad is not None
    assert out.dtype == values.grad.dtype == dtype
    near = {'rtol': 1e-3, 'atol': 1e-3} if dtype == torch.float16 else {}
    for got, wanted in (
        (out, expected),
        (values.grad, full.grad),
        *zip(layer.buffers(), plain.buffers(), strict=True),
        *((a.grad, b.grad) for a, b in zip(
            layer.parameters(), plain.parameters(), strict=True
        )),
    ):  # fmt: skip
        assert wanted is not None
        torch.testing.assert_close(got, wanted.to(got.dtype), **near)


@pytest.mark.usefixtures('one_process')
def test_without_scale_and_statistics() -> None:
    layer = ops.SyncBatchNorm(3, affine=False, track_running_stats=False)
    plain = BatchNorm2d(3, affine=False, track_running_stats=False)
    values = wave(2, 3, 5, 7)
    with torch.no_grad():
        torch.testing.assert_close(layer(values), plain(values))


def test_two_processes_have_the_statistics_of_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Both halves hold the same values, so that doubling is a sum over both.
    monkeypatch.setattr(
        'torch.distributed.all_reduce', lambda tensor, **_: tensor.mul_(2)
    )
    half = wave(2, 3, 5, 7).requires_grad_()
    whole = half.detach().repeat(2, 1, 1, 1).requires_grad_()
    plain = BatchNorm2d(3)
    mean, var = torch.zeros(3), torch.ones(3)
    out = ops.sync_bn.SyncBatchNormFunction.apply(
        half,
        mean,
        var,
        plain.weight,
        plain.bias,
        0.1,
        1e-5,
        None,
        2,
        'default',
    )
    expected = plain(whole)
    torch.testing.assert_close(out, expected[:2])
    torch.testing.assert_close(mean, plain.running_mean)
    torch.testing.assert_close(var, plain.running_var)
    grad = wave(2, 3, 5, 7, step=2.1)
    (got,) = torch.autograd.grad(out, half, grad)
    (wanted,) = torch.autograd.grad(expected, whole, grad.repeat(2, 1, 1, 1))
    torch.testing.assert_close(got, wanted[:2])
