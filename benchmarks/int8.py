"""int8 on a CPU: how fast, how far off, and what it does to AP.

Usage: python -m benchmarks.int8 [--measure [--inputs 224x224 ...]] [--check]

--measure exports the detector that quickstart.sh trains, and its backbone,
calibrated with pictures of the training set, in all runtimes and precisions;
that takes the extras export, openvino and int8, and torchao. It evaluates the
detectors on the test split, and compares features on pictures of it, and times
the backbones in turns; it writes benchmarks/int8_data. With --inputs it takes
the backbone alone, with these, and leaves the other rows. Then the section of
docs/speed.md is written, or with --check compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.cases import CLASSES, POSE, SEGMENTATION, Case
from benchmarks.ceilings import measured
from benchmarks.int8_forms import DATA, FORMS, PT2E, Detector, Outputs
from benchmarks.machine import commit, device_name
from benchmarks.page import DOCUMENT, case_cells, measured_on, page_parser
from benchmarks.table import write_csv
from tools.csv_rows import read_columns
from tools.generated import markdown_table, write
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

HERE = Path(__file__).parent / 'int8_data'
TOOL = 'benchmarks.int8'
# What a call costs where there is hardly anything to compute.
LEAST = Case('uniformer-s', (32, 32), 1)
CASES = {
    case.shape_name: case
    for case in (
        Case('uniformer-s', CLASSES, 1),
        Case('uniformer-s', POSE, 8),
        Case('uniformer-s-h14', SEGMENTATION, 1),
        LEAST,
    )
}
Row = tuple[Any, ...]
KEY = ('model', 'batch', 'shape', 'runtime', 'precision')
TIMES = ('commit', 'machine', 'torch', 'threads', *KEY, 'seconds')
ERRORS = (*KEY, 'output', 'largest', 'rms')
METRICS = ('runtime', 'precision', 'box_ap', 'mask_ap')
NAMES = {'torch': 'torch', 'onnx': 'ONNX Runtime', 'openvino': 'OpenVINO'}


@torch.no_grad()
def features(
    detector: Detector, case: Case, rounds: int
) -> tuple[list[Row], list[Row]]:
    """Return rows of the times and of the errors of its backbone."""
    times: list[Row] = []
    errors: list[Row] = []
    about = (
        commit(),
        device_name(torch.device('cpu')),
        torch.__version__,
        torch.get_num_threads(),
    )
    full = [form for form in FORMS if form[1] == 'fp32']
    forms = detector.forms(case, full if case is LEAST else FORMS)
    pictures = detector.pictures(case)
    found = [_maps(run, pictures) for run in forms.values()]
    seconds = measured(
        [partial(run, pictures[0]) for run in forms.values()], rounds
    )
    for form, taken, maps in zip(forms, seconds, found, strict=True):
        key = (case.model, case.batch, case.shape_name, *form)
        times.append((*about, *key, taken))
        for i, pair in enumerate(zip(maps, found[0], strict=True)):
            errors.append((*key, f'stage{i + 1}', *_error(*pair)))
    return times, errors


def merged(
    path: Path, columns: Sequence[str], measured_anew: Sequence[Row]
) -> list[Row]:
    """Return the rows of a table and new ones, in the order of the cases.

    Of an input that was measured anew all old rows go.
    """
    place = columns.index('shape')
    anew = {row[place] for row in measured_anew}
    old = [tuple(row.values()) for row in read_columns(path, columns)]
    rows = [*(row for row in old if row[place] not in anew), *measured_anew]
    return sorted(rows, key=lambda row: list(CASES).index(row[place]))


def _maps(run: Outputs, pictures: Sequence[Tensor]) -> list[Tensor]:
    """Return the maps of all pictures together, one tensor per stage."""
    outs = [run(picture) for picture in pictures]
    return [torch.stack(maps) for maps in zip(*outs, strict=True)]


def _error(found: Tensor, wanted: Tensor) -> tuple[float, float]:
    """The largest error over the largest value, and RMS over RMS."""
    error = found - wanted
    largest = error.abs().max() / wanted.abs().max()
    return float(largest), float(error.norm() / wanted.norm())


def metrics(detector: Detector) -> Iterator[Row]:
    """Yield a row for each form of the detector."""
    for form in FORMS:
        if form == PT2E:
            continue  # its graph takes a backbone of one size
        found = detector.metrics(form)
        yield *form, found['coco/bbox_mAP'], found['coco/segm_mAP']


def section() -> str:
    """Return the section of the page, Markdown."""
    timed = read_columns(HERE / 'times.csv', TIMES)
    found = read_columns(HERE / 'errors.csv', ERRORS)
    lines = []
    for row in timed:
        key = [row[name] for name in KEY]
        off = [e for e in found if [e[name] for name in KEY] == key]
        first = next(r for r in timed if r['shape'] == row['shape'])
        seconds = float(row['seconds'])
        lines.append(
            {
                **case_cells(row),
                'runtime': NAMES[row['runtime']],
                'precision': row['precision'],
                'ms': f'{seconds * 1e3:.3g}',
                'times as fast': f'{float(first["seconds"]) / seconds:.2f}',
                **{
                    f'{name} error': f'{max(float(e[name]) for e in off):.2g}'
                    for name in ('largest', 'rms')
                },
            }
        )
    return '\n\n'.join(
        [
            f'{measured_on(timed[0])}; commits: '
            f'{", ".join(dict.fromkeys(row["commit"] for row in timed))}. '
            'Errors are those of the worst stage, '
            'over its largest value or its root mean square:',
            markdown_table(lines),
            'The detector of quickstart.sh on its test split:',
            markdown_table(
                [
                    {
                        'runtime': NAMES[row['runtime']],
                        'precision': row['precision'],
                        'box AP': f'{float(row["box_ap"]):.3f}',
                        'mask AP': f'{float(row["mask_ap"]):.3f}',
                    }
                    for row in read_columns(HERE / 'metrics.csv', METRICS)
                ]
            ),
        ]
    )


def main(words: Sequence[str] | None = None) -> int:
    """Measure and write; see the module docstring."""
    parser = page_parser(TOOL, __doc__, 7)
    parser.add_argument(
        '--checkpoint',
        type=Path,
        default=Path('work_dirs/quickstart/epoch_10.pth'),
    )
    parser.add_argument('--files', type=Path, default=Path('work_dirs/int8'))
    parser.add_argument('--inputs', nargs='+', choices=CASES)
    options = parser.parse_args(words)
    torch.set_num_threads(options.threads)
    if options.measure:
        make_toy_data(DATA, ToyDataSpec())
        detector = Detector(options.checkpoint, options.files)
        if not options.inputs:
            write_csv(HERE / 'metrics.csv', METRICS, list(metrics(detector)))
        for name in options.inputs or CASES:
            found = features(detector, CASES[name], options.rounds)
            for file, columns, rows in zip(
                ('times.csv', 'errors.csv'),
                (TIMES, ERRORS),
                found,
                strict=True,
            ):
                path = HERE / file
                write_csv(path, columns, merged(path, columns, rows))
    return write(DOCUMENT, TOOL, section(), options.check)


if __name__ == '__main__':
    raise SystemExit(main())
