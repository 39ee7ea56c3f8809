"""How long an operation takes at least on a machine, from its rates.

The rates were measured (``ceilings``), or are those of a data sheet.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.operations import FUSIBLE, KINDS, Operation
from benchmarks.table import write_csv

__all__ = [
    'FRESH',
    'FRESH_BYTES',
    'Machine',
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
