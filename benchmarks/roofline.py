"""What binds a model, and how fast it could be: a roofline that is checked.

Usage: python -m benchmarks.roofline [--measure] [--validate] [--predict]
    [--check]

An operation takes the larger of its FLOPs and its bytes over what the machine
reaches at such operations alone, plus what any operation costs. --measure
measures this processor's ceilings, --validate times models beside what they
predict, --predict predicts for the cards of gpus.csv; all write to
benchmarks/roofline_data. Then the section of docs/speed.md is written, or with
--check compared.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from benchmarks.bounds import Machine, read_gpus, read_machine, write_machine
from benchmarks.cases import CLASSES, DETECTION, POSE, SEGMENTATION, Case
from benchmarks.ceilings import measure, measured
from benchmarks.modes import Models
from benchmarks.operations import Operation, by_onednn, fused, trace
from benchmarks.table import write_csv
from tools.generated import markdown_table, write
from uniformer_mm import UniFormer, compile_options, deploy
from uniformer_mm.fast import path, plain

__all__ = ['lower_bound', 'main', 'predicted', 'section']

HERE = Path(__file__).parent / 'roofline_data'
DOCUMENT = HERE.parents[1] / 'docs/speed.md'
TOOL = 'benchmarks.roofline'
CPU = torch.device('cpu')
# ``plain`` is the model without its fast forms.
FORMS = ('plain', 'eager', 'deployed', 'compiled')
CHECKED = (
    Case('uniformer-s', CLASSES, 1),
    Case('uniformer-s', POSE, 8),
    Case('uniformer-s-h14', SEGMENTATION, 1),
    Case('uniformer-s-h14', DETECTION, 1),
    Case('uniformer-s', POSE, 2, 'training'),
)
PREDICTED = (
    Case('uniformer-s', CLASSES, 1),
    Case('uniformer-s', CLASSES, 16),
    Case('uniformer-s-h14', DETECTION, 1),
    Case('uniformer-s', CLASSES, 16, 'training'),
    Case('uniformer-s-h14', DETECTION, 1, 'training'),
)


def _call(case: Case, form: str) -> Callable[[], Any]:
    models = Models(case, CPU)
    mode = 'eager' if form == 'plain' else form
    call = models.call(models.build(mode), models.input())

    def run() -> Any:
        with plain(form in ('plain', 'compiled')):
            return call()

    return run


def work_of(call: Callable[[], Any], form: str) -> list[Operation]:
    """Return the operations of ``call``, of the compiled form the kernels.

    Compiled code can't be watched: it is predicted from the plain call.
    """
    work = trace(call)
    if form != 'compiled':
        return work
    return fused(by_onednn(work) if compile_options() else work)


def overhead(form: str, direction: str, rounds: int = 20) -> float:
    """Return what an operation costs in a model besides its work, seconds.

    Python, modules and checks: of a model that is as deep as S and has hardly
    anything to compute.
    """
    arch = {'depths': (3, 4, 8, 3), 'embed_dims': (16,) * 4, 'head_dim': 16}
    model = UniFormer(arch).train(direction == 'training')
    if form == 'deployed':
        deploy(model)
    compiled: Any = model
    if form == 'compiled':
        compiled = torch.compile(model, options=compile_options())
    x = torch.rand(1, 3, 32, 32)

    def run(model: Callable[[Tensor], Sequence[Tensor]] = compiled) -> None:
        with (
            plain(form in ('plain', 'compiled')),
            # Else so small an input is computed as it is written.
            mock.patch.object(path, 'LEAST_ELEMENTS', 0),
            torch.set_grad_enabled(direction == 'training'),
        ):
            total = sum(y.mean() for y in model(x))
        if isinstance(total, torch.Tensor) and total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]

    run()
    (seconds,) = measured([run], rounds)
    return seconds / len(work_of(lambda: run(model), form))


def predicted(work: Sequence[Operation], machine: Machine) -> float:
    """Return the seconds of operations one after the other."""
    return sum(machine.seconds(operation)[0] for operation in work)


def lower_bound(work: Sequence[Operation], machine: Machine) -> float:
    """Return the seconds that no order of ``work`` can go below.

    Its FLOPs, or the bytes of what it is given and of what it leaves.
    """
    reads: dict[int, int] = {}
    writes: dict[int, int] = {}
    computed = 0.0
    for each in work:
        if each.flops:
            computed += each.flops / machine.rate(each.kind, each.flops)
        reads |= each.reads
        writes |= each.writes
    given = sum(n for value, n in reads.items() if value not in writes)
    left = sum(n for value, n in writes.items() if value not in reads)
    moved = given + left
    return max(computed, moved / machine.rate('copy', moved))


def shares(
    work: Sequence[Operation], machine: Machine, of: str
) -> list[tuple[str, float]]:
    """Return shares of the time by 'kind' or what 'binds', in order."""
    times: dict[str, float] = {}
    for operation in work:
        seconds, binds = machine.seconds(operation)
        name = operation.kind if of == 'kind' else binds
        times[name] = times.get(name, 0) + seconds
    total = sum(times.values())
    ordered = sorted(times, key=lambda name: -times[name])
    return [(name, times[name] / total) for name in ordered]


def _percent(share: tuple[str, float]) -> str:
    return f'{share[0]} {share[1]:.0%}'


CHECK_COLUMNS = (
    *('model', 'batch', 'shape', 'pass', 'form', 'operations', 'gflops', 'mb'),
    *('measured_s', 'predicted_s', 'overhead_s', 'binds', 'first', 'second'),
)


def check(machine: Machine, rounds: int) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each checked case and form: predicted and measured."""
    for case in CHECKED:
        # Past some graphs of one function torch runs it uncompiled.
        torch.compiler.reset()
        calls = {
            form: _call(case, form)
            for form in FORMS
            if case.direction == 'forward' or form != 'deployed'
        }
        for call in calls.values():
            call()  # what is done once, such as packing, is not counted
        times = measured(list(calls.values()), rounds)
        for (form, call), taken in zip(calls.items(), times, strict=True):
            shown = calls['plain'] if form == 'compiled' else call
            work = work_of(shown, form)
            here = replace(machine, overhead_s=overhead(form, case.direction))
            kinds = list(map(_percent, shares(work, here, 'kind')))
            yield (
                *(case.model, case.batch, case.shape_name, case.direction),
                form,
                len(work),
                sum(each.flops for each in work) / 1e9,
                sum(each.bytes for each in work) / 1e6,
                taken,
                predicted(work, here),
                here.overhead_s * len(work),
                _percent(shares(work, here, 'binds')[0]),
                *kinds[:2],
            )


GPU_COLUMNS = (
    *('gpu', 'model', 'batch', 'shape', 'pass', 'launches', 'kernels'),
    *('bound_s', 'eager_s', 'compiled_s', 'launches_s', 'binds'),
)


def predict() -> Iterator[tuple[Any, ...]]:
    """Yield a row for each card and case, in bf16."""
    machines = read_gpus(HERE / 'gpus.csv')
    launch = {row['gpu']: float(row['launch_s']) for row in rows('gpus.csv')}
    for case in PREDICTED:
        eager = [_halved(each) for each in trace(_call(case, 'plain'))]
        kernels = fused(eager)
        for gpu, machine in machines.items():
            yield (
                *(gpu, case.model, case.batch, case.shape_name),
                case.direction,
                len(eager),
                len(kernels),
                lower_bound(eager, machine),
                predicted(eager, machine),
                predicted(kernels, machine),
                len(eager) * launch[gpu],
                shares(kernels, machine, 'kind')[0][0],
            )


def _halved(operation: Operation) -> Operation:
    """Return an operation of float32 as it is in bf16."""
    reads, writes = (
        {value: size // 2 for value, size in sizes.items()}
        for sizes in (operation.reads, operation.writes)
    )
    return replace(operation, reads=reads, writes=writes)


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table of ``roofline_data``."""
    with (HERE / name).open(newline='') as file:
        return list(csv.DictReader(file))


def section() -> str:
    """Return the section of the page, Markdown."""
    machine = read_machine(HERE / 'machine.csv')
    checked, cards = rows('check.csv'), rows('predictions.csv')
    errors = [
        float(row['predicted_s']) / float(row['measured_s']) - 1
        for row in checked
    ]
    within = sum(abs(error) <= 0.2 for error in errors)
    return '\n\n'.join(
        [
            f'{machine.name}, float32, times of the process on a machine in '
            f'use; {within} of {len(errors)} predictions are within 20 %, the '
            f'median error is {median(map(abs, errors)):.0%}:',
            markdown_table(list(map(_checked_line, checked))),
            _ceilings(machine),
            'Cards, in bf16, from their data sheets:',
            markdown_table(list(map(_card_line, cards))),
            '\n'.join(f'- {_next_factor(row)}' for row in cards),
        ]
    )


def _checked_line(row: dict[str, str]) -> dict[str, str]:
    taken, guess = float(row['measured_s']), float(row['predicted_s'])
    return {
        **_case_cells(row),
        'form': row['form'],
        'operations': row['operations'],
        'GFLOPs': f'{float(row["gflops"]):.1f}',
        'MB': f'{float(row["mb"]):.0f}',
        'measured (ms)': f'{taken * 1e3:.4g}',
        'predicted (ms)': f'{guess * 1e3:.4g}',
        'error': f'{guess / taken - 1:+.0%}',
        'overhead (ms)': f'{float(row["overhead_s"]) * 1e3:.1f}',
        'bound by': row['binds'],
        'spent in': f'{row["first"]}, {row["second"]}',
    }


def _case_cells(row: dict[str, str]) -> dict[str, str]:
    return {
        'model': row['model'],
        'input': f'{row["batch"]} x {row["shape"]}',
        'pass': row['pass'],
    }


def _ceilings(machine: Machine) -> str:
    """Say how far apart the rates of products are."""
    best = {
        kind: max(rate for _, rate in points)
        for kind, points in machine.rates.items()
        if kind
        in ('product', 'packed product', '1x1 convolution', 'attention')
    }
    told = [f'{kind} {rate / 1e9:.0f}' for kind, rate in best.items()]
    return f'Most GFLOP/s by kind: {", ".join(told)}.'


def _card_line(row: dict[str, str]) -> dict[str, str]:
    bound, eager, compiled = (
        float(row[f'{name}_s']) for name in ('bound', 'eager', 'compiled')
    )
    launches = _launches(row)
    cells = {
        'eager (ms)': max(eager, launches['eager']),
        'its kernels (ms)': eager,
        'compiled (ms)': max(compiled, launches['compiled']),
        'its fused kernels (ms)': compiled,
        'bound (ms)': bound,
    }
    return {
        'card': row['gpu'],
        **_case_cells(row),
        'launches': row['launches'],
        'when compiled': row['kernels'],
        **{name: f'{seconds * 1e3:.3g}' for name, seconds in cells.items()},
    }


def _launches(row: dict[str, str]) -> dict[str, float]:
    """Return the seconds of all launches, one after the other."""
    eager = float(row['launches_s'])
    each = eager / int(row['launches'])
    return {'eager': eager, 'compiled': each * int(row['kernels'])}


def _next_factor(row: dict[str, str]) -> str:
    """Say what makes this case faster, the largest factor first."""
    bound, eager, compiled = (
        float(row[f'{name}_s']) for name in ('bound', 'eager', 'compiled')
    )
    steps = {
        'CUDA graphs, which spare launches': (
            max(eager, _launches(row)['eager']) / eager
        ),
        'fusing (compiling)': eager / compiled,
        f'what fused kernels still move, most of it in {row["binds"]}': (
            compiled / bound
        ),
    }
    ordered = sorted(steps, key=lambda name: -steps[name])
    told = ', '.join(f'{steps[name]:.1f} by {name}' for name in ordered)
    cells = _case_cells(row)
    return (
        f'{row["gpu"]}, {row["model"]}, {cells["input"]}, {cells["pass"]}: '
        f'{told}.'
    )


def main(words: Sequence[str] | None = None) -> int:
    """Measure, predict and write; see the module docstring."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.roofline',
        description=__doc__.partition('\n')[0],
    )
    for option in ('--measure', '--validate', '--predict', '--check'):
        parser.add_argument(option, action='store_true')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=7)
    options = parser.parse_args(words)
    torch.set_num_threads(options.threads)
    if options.measure:
        write_machine(HERE / 'machine.csv', measure(options.rounds))
    if options.validate:
        machine = read_machine(HERE / 'machine.csv')
        table = list(check(machine, options.rounds))
        write_csv(HERE / 'check.csv', CHECK_COLUMNS, table)
    if options.predict:
        write_csv(HERE / 'predictions.csv', GPU_COLUMNS, list(predict()))
    return write(DOCUMENT, TOOL, section(), options.check)


if __name__ == '__main__':
    raise SystemExit(main())
