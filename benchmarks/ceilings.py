"""How fast a machine is at each kind of operation, alone: its ceilings.

Measured with operations of the models' shapes, small and large, apart from the
models; or read from a table of data sheets.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.machine import device_name
from benchmarks.operations import FUSIBLE, KINDS, Operation
from benchmarks.table import write_csv
from benchmarks.timing import interleave

__all__ = [
    'Machine',
    'measure',
    'measured',
    'read_gpus',
    'read_machine',
    'write_machine',
]

COLUMNS = ('machine', 'kind', 'work', 'rate')
OVERHEAD = 'overhead'
# Memory of this size and more is handed back to the system after each use, by
# glibc, which then hands out its pages anew.
FRESH, FRESH_BYTES = 'fresh memory', 32 * 2**20
# Bound by bytes alone: work and rate are bytes.
BYTES = (*FUSIBLE, 'packing')
Call = Callable[[], object]


@dataclass(frozen=True)
class Machine:
    """What a machine reaches.

    Args:
        name (str): Of the processor or card, and how it was measured.
        rates (Mapping[str, Sequence[tuple[float, float]]]): By kind of
            operation: (work, rate) of each that was measured; FLOPs and
            FLOP/s, or bytes and bytes/s of kinds that compute little.
        overhead_s (float): Of each operation, seconds.
    """

    name: str
    rates: Mapping[str, Sequence[tuple[float, float]]]
    overhead_s: float

    def rate(self, kind: str, work: float) -> float:
        """Return the rate at the measured work that is nearest to ``work``.

        Gradients that were not measured by themselves have the rate of what
        they are gradients of.
        """
        points = self.rates.get(kind) or self.rates[kind.split(' grad')[0]]
        nearest = min(points, key=lambda p: abs(math.log(p[0] / max(work, 1))))
        return nearest[1]

    def seconds(self, operation: Operation) -> tuple[float, str]:
        """Return the time of ``operation``, and what binds it.

        The larger of FLOPs and bytes over their rates, plus the overhead, and
        the time that the system takes to hand out large memory.
        """
        kind, size = operation.kind, operation.bytes
        moved = size / self.rate(kind if kind in BYTES else 'copy', size)
        computed = 0.0
        if operation.flops:
            computed = operation.flops / self.rate(kind, operation.flops)
        fresh = sum(n for n in operation.made if n >= FRESH_BYTES)
        overhead = self.overhead_s
        if fresh and FRESH in self.rates:
            overhead += fresh / self.rate(FRESH, fresh)
        bounds = {'FLOPs': computed, 'bytes': moved, 'overhead': overhead}
        binds = max(bounds, key=lambda name: bounds[name])
        return max(computed, moved) + overhead, binds


def read_gpus(path: Path) -> dict[str, Machine]:
    """Return the machines of a table of data sheets, by name.

    Products, convolutions and attention run on tensor cores, depthwise
    convolutions, which multiply no matrices, on the other ones.
    """
    machines = {}
    with path.open(newline='') as file:
        for row in csv.DictReader(file):
            rates = dict.fromkeys(KINDS, float(row['tensor_flop_per_s']))
            rates['depthwise'] = float(row['vector_flop_per_s'])
            rates |= dict.fromkeys(BYTES, float(row['byte_per_s']))
            machines[row['gpu']] = Machine(
                row['gpu'],
                {kind: ((1.0, rate),) for kind, rate in rates.items()},
                0.0,
            )
    return machines


def write_machine(path: Path, machine: Machine) -> None:
    """Write a machine that was measured."""
    rows = [
        (machine.name, kind, work, rate)
        for kind, points in machine.rates.items()
        for work, rate in points
    ]
    overhead = (machine.name, OVERHEAD, 1.0, machine.overhead_s)
    write_csv(path, COLUMNS, [*rows, overhead])


def read_machine(path: Path) -> Machine:
    """Return the machine of a file that ``write_machine`` wrote."""
    rates: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline='') as file:
        for row in csv.DictReader(file):
            name = row['machine']
            point = float(row['work']), float(row['rate'])
            rates.setdefault(row['kind'], []).append(point)
    ((_, overhead_s),) = rates.pop(OVERHEAD)
    return Machine(name, rates, overhead_s)


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
