"""How fast this processor is at each kind of operation, alone: its ceilings.

Measured with operations of the models' shapes, small and large, apart from the
models.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.bounds import FRESH, FRESH_BYTES, Machine
from benchmarks.machine import device_name
from benchmarks.timing import interleave

__all__ = ['measure', 'measured']
Call = Callable[[], object]


def measure(rounds: int = 9) -> Machine:
    """Measure this processor in float32, on torch's number of threads.

    On one thread time is that of the process, which other programs change
    less than they change the clock on the wall.
    """
    rates: dict[str, list[tuple[float, float]]] = {}
    one = torch.rand(1)
    threads = torch.get_num_threads()
    with torch.no_grad():
        overhead_s = _time(lambda: one + one, 1000)
        for kind, work, call in _calls():
            rate = work / max(_time(call, rounds) - overhead_s, 1e-9)
            rates.setdefault(kind, []).append((float(work), rate))
    name = f'{device_name(torch.device("cpu"))}, threads: {threads}'
    return Machine(name, rates, overhead_s)


def measured(calls: Sequence[Call], rounds: int) -> list[float]:
    """Return the median seconds of each call, of this process, in turns."""
    clock = time.process_time
    if torch.get_num_threads() > 1:
        clock = time.perf_counter
    times = interleave(
        {str(i): call for i, call in enumerate(calls)},
        rounds=rounds,
        budget_s=math.inf,
        warmup=0,
        least=1,
        clock=clock,
    )
    return [taken.median for taken in times.values()]


def _time(call: Call, rounds: int) -> float:
    call()
    (seconds,) = measured([call], rounds)
    return seconds


# (tokens, C, out): as in the four stages, of small and of large maps.
PRODUCTS = (
    (49, 512, 2048),
    (196, 320, 320),
    (196, 320, 1280),
    (784, 128, 512),
    (3136, 64, 256),
    (4200, 320, 1280),
    (12544, 128, 512),
    (2048, 2048, 2048),
)
# (C, out, kernel, stride, side)
CONVOLUTIONS = (
    (3, 32, 3, 2, 224),
    (64, 128, 2, 2, 56),
    (3, 64, 4, 4, 224),
    (3, 64, 4, 4, 1024),
    (128, 320, 2, 2, 128),
)
POINTWISE = ((320, 320, 14), (64, 256, 56), (128, 512, 28), (64, 256, 160))
# (C, kernel, side)
DEPTHWISE = (
    *((320, 3, 14), (128, 5, 28), (64, 3, 56), (64, 5, 56)),
    *((320, 3, 64), (64, 3, 256), (64, 5, 256)),
)
# (batch, heads, tokens)
ATTENTION = ((1, 8, 49), (1, 5, 196), (24, 5, 196), (1, 5, 1024), (1, 5, 4096))
SIZES = tuple(2**i for i in range(14, 26))  # elements


def _calls() -> Iterator[tuple[str, int, Call]]:
    """Yield (kind, work, what does it)."""
    for tokens, c, out in PRODUCTS:
        x, w, b = torch.rand(tokens, c), torch.rand(out, c), torch.rand(out)
        flops = 2 * tokens * c * out
        yield 'product', flops, partial(F.linear, x, w, b)
        yield from _packed(x, w, b, flops)
    for c, out, kernel, stride, side in CONVOLUTIONS:
        yield from _convolution('convolution', c, out, kernel, stride, side, 1)
    for c, out, side in POINTWISE:
        yield from _convolution('1x1 convolution', c, out, 1, 1, side, 1)
    for c, kernel, side in DEPTHWISE:
        yield from _convolution('depthwise', c, c, kernel, 1, side, c)
    for n, heads, tokens in ATTENTION:
        yield from _attention(n, heads, tokens)
    for size in SIZES:
        yield from _elementwise(torch.rand(size // 128, 128))


def _elementwise(x: Tensor) -> Iterator[tuple[str, int, Call]]:
    # Into memory that is there.
    size, y = x.nbytes, torch.zeros_like(x)
    yield 'copy', 2 * size, partial(y.copy_, x)
    yield 'pointwise', 3 * size, partial(torch.add, x, x.clone(), out=y)
    yield 'gelu', 2 * size, partial(torch.ops.aten.gelu.out, x, out=y)
    if size < FRESH_BYTES:
        yield 'norm', 2 * size, partial(F.layer_norm, x, (x.shape[1],))
    else:
        yield FRESH, size, partial(torch.zeros, x.shape)


def _packed(x: Tensor, w: Tensor, b: Tensor, flops: int) -> Iterator[Any]:
    try:
        pack = torch.ops.mkldnn._reorder_linear_weight
        pack(w, len(x))
    except (AttributeError, RuntimeError):
        return  # no oneDNN in this torch
    multiply = torch.ops.mkldnn._linear_pointwise
    then: Any
    for kind, then in (
        ('packed product', ('none', [], '')),
        ('packed product, gelu', ('gelu', [], 'none')),
    ):
        yield kind, flops, partial(multiply, x, w, b, *then)
    yield 'packing', 2 * w.nbytes, partial(pack, w, len(x))


def _convolution(
    kind: str,
    c: int,
    out: int,
    kernel: int,
    stride: int,
    side: int,
    groups: int,
) -> Iterator[tuple[str, int, Call]]:
    last = torch.channels_last
    x = torch.rand(1, c, side, side).to(memory_format=last)
    w, b = torch.rand(out, c // groups, kernel, kernel), torch.rand(out)
    padding = kernel // 2 if kernel % 2 else 0
    y = F.conv2d(x, w, b, stride, padding, groups=groups)
    flops = 2 * y.numel() * w[0].numel()
    conv = partial(F.conv2d, x, w, b, stride, padding, groups=groups)
    yield kind, flops, conv
    grad = torch.rand(y.shape).to(memory_format=last)
    places = ([stride] * 2, [padding] * 2, [1] * 2, False, [0] * 2, groups)
    backward = torch.ops.aten.convolution_backward
    for mask in ([True, True, True], [False, True, False]):
        call = partial(backward, grad, x, w, [out], *places, mask)
        yield f'{kind} gradient', flops * sum(mask[:2]), call


def _attention(
    n: int, heads: int, tokens: int
) -> Iterator[tuple[str, int, Call]]:
    qkv = torch.rand(n, tokens, 3, heads, 64, requires_grad=True)
    q, k, v = qkv.detach().permute(2, 0, 3, 1, 4).unbind(0)
    product = 2 * n * heads * tokens**2 * 64
    attend = F.scaled_dot_product_attention
    yield 'attention', 2 * product, partial(attend, q, k, v)
    with torch.enable_grad():
        leaves = [x.detach().requires_grad_() for x in (q, k, v)]
        y = attend(leaves[0], leaves[1], leaves[2])
    grad = torch.rand(y.shape)
    backward = partial(torch.autograd.grad, y, leaves, grad, True)
    yield 'attention gradient', 5 * product, backward
