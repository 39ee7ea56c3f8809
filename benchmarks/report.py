"""Write the tables and plots of all measurements.

Usage: python -m benchmarks.report [--check]

From benchmarks/results/*.csv, one file per machine, come what is between the
marks in README.md, docs/speed.md and benchmarks/README.md, the plots in
benchmarks/plots and docs/images/speed.svg.
With --check nothing is written, and the exit code is 1 if something is out of
date.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.cases import GPU_DTYPES, PEERS, SUITES
from benchmarks.goals import ON_CARDS, ON_CPUS, goal_table, is_card
from benchmarks.growth import size_of
from benchmarks.modes import BASELINE
from benchmarks.plots import accuracy_plot, growth_plot, size_plot, speed_plot
from benchmarks.report_tables import (
    FORMS,
    against_baseline,
    against_official,
    against_peers,
    exponents,
    share_of_memory,
)
from benchmarks.table import Row, read_rows
from tools.generated import filled, markdown_table

__all__ = ['main', 'outputs']
HERE = Path(__file__).parent
TOOL = 'benchmarks.report'
# Below the folder of the project: the file that has a short table of every
# machine, the one that has a sentence on one of them, and that one's plot.
SUMMARY = Path('docs/speed.md')
FRONT = Path('README.md')
SPEED_PLOT = Path('docs/images/speed.svg')
PLOTTED = 'amd-epyc-2-threads-torch-2.15.0'


def outputs(folder: Path = HERE) -> dict[Path, str]:
    """Return what is to stand in which file.

    Args:
        folder: Of the benchmarks, below that of the project.

    Raises:
        ValueError: A table of measurements, or a README.md, is malformed.
    """
    accuracy = read_accuracy(folder / 'accuracy.csv')
    files: dict[Path, str] = {}
    parts: list[str] = []
    highlights: list[str] = []
    front = ''
    cards = False
    for path in sorted((folder / 'results').glob('*.csv')):
        rows = read_rows(path)
        cards |= is_card(rows[0].device)
        parts += [f'## {rows[0].device}', *sections(rows)]
        if cases := list(targets(rows)):
            table = [against_official(forms) for forms in cases]
            highlights += [machine(rows), markdown_table(table)]
            goals = ON_CARDS if is_card(rows[0].device) else ON_CPUS
            highlights.append('Wanted of it:')
            highlights.append(markdown_table(goal_table(rows, goals)))
            speed = speed_plot(cases, machine(rows))
            if speed is not None and path.stem == PLOTTED:
                files[folder.parent / SPEED_PLOT] = speed
                front = sentence(cases, machine(rows))
        for dtype in dict.fromkeys(row.dtype for row in rows):
            if len({row.shape for row in rows if row.dtype == dtype}) == 1:
                continue  # a plot of one size shows nothing
            plots = {
                'sizes': size_plot(rows, 1, dtype),
                'accuracy': accuracy_plot(rows, accuracy, '224x224', 1, dtype),
            }
            if dtype == 'fp32':
                plots['growth'] = growth_plot(rows)
            for name, svg in plots.items():
                if svg is None:
                    continue
                plot = folder / 'plots' / f'{path.stem}-{dtype}-{name}.svg'
                files[plot] = svg
                parts.append(f'![{name}, {dtype}](plots/{plot.name})')
    if not cards:
        highlights += no_card()
    for document, text in (
        (folder / 'README.md', parts),
        (folder.parent / SUMMARY, highlights),
        (folder.parent / FRONT, [front]),
    ):
        files[document] = filled(document, TOOL, '\n\n'.join(text))
    return files


def read_accuracy(path: Path) -> dict[str, float]:
    """Return the published top-1 in percent, by model."""
    with path.open(newline='') as file:
        rows = csv.DictReader(file)
        return {row['model']: float(row['top1']) for row in rows}


def sections(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the parts about one machine, Markdown."""
    commits = ', '.join(dict.fromkeys(row.commit for row in rows))
    yield f'{machine(rows)} Commits: {commits}.'
    for direction, title in (
        ('forward', 'Forward'),
        ('training', 'Forward and backward'),
    ):
        ours = [
            row
            for row in rows
            if row.direction == direction
            and row.model not in PEERS
            and row.ratio_to_baseline is not None
        ]
        ours.sort(key=lambda row: (row.dtype, size_of(row), row.model))
        if ours:
            yield f'### {title}, beside the official formulation'
            yield markdown_table([against_baseline(row) for row in ours])
    peers = [
        row for row in rows if row.direction == 'forward' and row.mode in FORMS
    ]
    if peers:
        yield '### Forward, beside peers'
        peers.sort(key=lambda row: (row.dtype, size_of(row), row.batch))
        yield markdown_table([against_peers(row) for row in peers])
    growth = list(exponents(rows))
    if growth:
        yield '### How cost grows'
        yield markdown_table(growth)


def machine(rows: Sequence[Row]) -> str:
    """Return what the measurements were made on, a sentence."""
    first = rows[0]
    return f'{first.device}, {first.threads} threads, torch {first.torch}.'


def targets(rows: Sequence[Row]) -> Iterator[dict[str, Row]]:
    """Yield cases of the summary by mode, each with its baseline."""
    for model, shape, batch, direction in dict.fromkeys(
        (case.model, case.shape_name, case.batch, case.direction)
        for case in SUITES['targets']
    ):
        for dtype in dict.fromkeys(row.dtype for row in rows):
            forms = {
                row.mode: row
                for row in rows
                if (row.model, row.shape, row.batch, row.direction, row.dtype)
                == (model, shape, batch, direction, dtype)
            }
            if BASELINE in forms:
                yield forms


def no_card() -> Iterator[str]:
    """Yield what is wanted of a card, of all dtypes at once."""
    yield (
        'No GPU was measured. What is wanted of one, in each of '
        f'{", ".join(GPU_DTYPES)}:'
    )
    goals = [g for g in ON_CARDS if g.case.dtype == GPU_DTYPES[0]]
    yield markdown_table(
        [line | {'dtype': ''} for line in goal_table((), goals)]
    )


def sentence(cases: Sequence[Mapping[str, Row]], where: str) -> str:
    """Return the front page's words: ranges over the cases, and the plot."""
    fast = {
        direction: [
            forms['eager'].ratio_to_baseline or 0.0
            for forms in cases
            if forms['eager'].direction == direction
        ]
        for direction in ('forward', 'training')
    }
    told = [
        f'{what} {min(ratios):.1f} to {max(ratios):.1f} times as fast'
        for what, ratios in (
            ('inference is', fast['forward']),
            ('training is', fast['training']),
        )
        if ratios
    ]
    memory = sorted(filter(None, map(share_of_memory, cases)), key=float)
    if memory:
        told.append(f'memory is {memory[0]} to {memory[-1]} of it')
    return (
        f'Beside the official formulation on a CPU, {", ".join(told)} '
        f'({where.rstrip(".")}):\n\n![Time of a call]({SPEED_PLOT})'
    )


def main(words: Sequence[str] | None = None) -> int:
    """Write the files, or check them; see the module docstring."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.report',
        description=__doc__.partition('\n')[0],
    )
    parser.add_argument('--check', action='store_true')
    check = parser.parse_args(words).check
    try:
        files = outputs()
    except (OSError, ValueError) as error:
        sys.stderr.write(f'benchmarks.report: {error}\n')
        return 1
    stale = [
        path
        for path, text in files.items()
        if not path.is_file() or path.read_text() != text
    ]
    for path in stale:
        if check:
            name = path.relative_to(HERE.parent)
            sys.stderr.write(
                f'benchmarks.report: {name} is out of date; run '
                '`python -m benchmarks.report`\n'
            )
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
    return int(check and bool(stale))


if __name__ == '__main__':
    raise SystemExit(main())
