"""Measuring one case in several modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.cases import Case
from benchmarks.machine import device_name
from benchmarks.memory import bytes_of, peak_bytes
from benchmarks.modes import BASELINE, DTYPES, Models
from benchmarks.table import Row
from benchmarks.timing import Times, interleave, synchronizer

__all__ = ['Settings', 'measure']

GEMM = 'gemm'
GEMM_SIZE = {'cpu': 2048, 'cuda': 8192}
TOLERANCE = 1e-3  # of float32 outputs against the baseline's


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Args:
        commit (str): Of what is measured.
        device (torch.device): Where.
        rounds (int): The most rounds.
        budget_s (float): Seconds after which no round begins.
        memory (bool): Whether to measure memory.
    """

    commit: str
    device: torch.device
    rounds: int = 30
    budget_s: float = 60.0
    memory: bool = True


def measure(case: Case, modes: Sequence[str], settings: Settings) -> list[Row]:
    """Measure ``case`` in those of ``modes`` that apply to it.

    Raises:
        ValueError: A mode gives other outputs than the baseline.
    """
    device = settings.device
    set_tf32(case.dtype == 'tf32')
    torch.compiler.reset()
    models = Models(case, device)
    modes = [mode for mode in modes if models.applies(mode)]
    if not modes:
        return []
    x = models.input()
    built = {mode: models.build(mode) for mode in modes}
    if case.direction == 'forward' and case.dtype == 'fp32':
        check_outputs(built, x)
    calls = {mode: models.call(built[mode], x) for mode in modes}
    gemm, gemm_flops = large_gemm(case, device)
    times = interleave(
        {**calls, GEMM: gemm},
        rounds=settings.rounds,
        budget_s=settings.budget_s,
        synchronize=synchronizer(device),
    )
    peaks: dict[str, int] = {}
    if settings.memory:
        for mode, model in built.items():
            reset: Callable[[], object] = model.zero_grad
            peaks[mode] = bytes_of(model, x)
            peaks[mode] += peak_bytes(calls[mode], device, reset)
            reset()
    return make_rows(
        case,
        times,
        commit=settings.commit,
        device=device_name(device),
        flops=count_flops(case),
        gemm_flop_per_s=gemm_flops / times[GEMM].median,
        peaks=peaks,
    )


def make_rows(
    case: Case,
    times: Mapping[str, Times],
    *,
    commit: str,
    device: str,
    flops: int,
    gemm_flop_per_s: float,
    peaks: Mapping[str, int],
) -> list[Row]:
    """Turn times into rows, one per mode in ``times``."""
    baseline = times.get(BASELINE)
    return [
        Row(
            commit=commit,
            torch=torch.__version__,
            device=device,
            threads=torch.get_num_threads(),
            dtype=case.dtype,
            mode=mode,
            model=case.model,
            batch=case.batch,
            shape=case.shape_name,
            direction=case.direction,
            median_s=each.median,
            iqr_s=each.iqr,
            rounds=len(each.seconds),
            images_per_s=case.batch / each.median,
            peak_mem_mib=peaks[mode] / 2**20 if mode in peaks else None,
            flops=flops,
            flop_per_s=flops / each.median,
            gemm_flop_per_s=gemm_flop_per_s,
            ratio_to_baseline=(
                baseline.median / each.median if baseline else None
            ),
        )
        for mode, each in times.items()
        if mode != GEMM
    ]


def check_outputs(built: Mapping[str, nn.Module], x: Tensor) -> None:
    """Raise ``ValueError`` unless all modes give the same.

    The first of ``built`` is what the others are compared with.
    """
    with torch.no_grad():
        outs: Iterator[Any] = (list(model(x)) for model in built.values())
        expected = [out.clone() for out in next(outs)]
        for mode, got in zip(list(built)[1:], outs, strict=True):
            for i, (a, b) in enumerate(zip(got, expected, strict=True)):
                error = ((a - b).abs().max() / b.abs().max()).item()
                if not error <= TOLERANCE:
                    raise ValueError(
                        f'output {i} of mode {mode!r} must be within '
                        f'{TOLERANCE} of that of {next(iter(built))!r}, got a '
                        f'relative error of {error:.2g}'
                    )


def count_flops(case: Case) -> int:
    """Return the FLOPs of one call: 2 per multiply-add, baseline or peer.

    Counted on the meta device, where nothing is computed, for one image.
    """
    models = Models(Case(case.model, case.shape, 1, case.direction), META)
    mode = BASELINE if models.applies(BASELINE) else 'eager'
    model = models.build(mode)
    # The counter looks for the history of parameters, which is not recorded.
    model.requires_grad_(case.direction == 'training')
    # Fused attention is known to it on some devices only.
    call = models.call(model, models.input())
    formulas = {torch.ops.aten.convolution_backward: conv_gradient_flops}
    counter = FlopCounterMode(display=False, custom_mapping=formulas)
    with counter, MATH():
        call()
    return int(counter.get_total_flops()) * case.batch


def conv_gradient_flops(
    grad: Sequence[int],
    _x: Sequence[int],
    weight: Sequence[int],
    *others: Any,
    **_options: Any,
) -> int:
    """Return the FLOPs of a convolution's gradients, by shapes.

    Those of its input and of its weight take as many as the convolution. Torch
    2.9 counts gradients of weights as if there were one group.
    """
    of_input, of_weight, _ = others[-1]
    return 2 * prod(grad) * prod(weight[1:]) * (of_input + of_weight)


META = torch.device('meta')
MATH = partial(sdpa_kernel, SDPBackend.MATH)


def large_gemm(
    case: Case, device: torch.device
) -> tuple[Callable[[], object], int]:
    """Return a large matrix product in the dtype of ``case``, its FLOPs."""
    size = GEMM_SIZE[device.type]
    dtype = DTYPES.get(case.dtype, torch.float32)
    a, b, out = (
        torch.rand(size, size, device=device, dtype=dtype) for _ in range(3)
    )
    # Into memory that is there: fresh pages are no part of a product.
    return lambda: torch.mm(a, b, out=out), 2 * size**3


def set_tf32(on: bool) -> None:
    """Let float32 use tensor cores, or not: in products and convolutions."""
    torch.backends.cuda.matmul.allow_tf32 = on
    torch.backends.cudnn.allow_tf32 = on
    torch.backends.cudnn.benchmark = True
