"""Write the metafiles and the tables of the READMEs of the configs.

Usage: python -m tools.model_tables [--check] [--configs DIR] [FOLDER ...]

What the paper reports stands in configs/FOLDER/results.csv and nowhere else;
parameters and multiply-adds are counted from the configs, links are those of
the catalogue of weights. From these come configs/FOLDER/metafile.yml, which
mim reads, and what is between the marks in configs/FOLDER/README.md and
configs/README.md. With --check nothing is written, and the exit code is 1 if
something is out of date.

Columns of results.csv: config (without its ending), experiment (its folder in
the official repository), dataset, one for each metric in percent, params_m and
flops_g as the paper gives them (millions; 1e9 multiply-adds, of all views),
weights (name in the catalogue), note. What the paper does not say is empty.
What trainings of ours gave is in configs/runs.csv (tools/model_runs.py), and
has columns of its own.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from pathlib import Path

from tools.generated import filled, markdown_table
from tools.model_results import (
    FOLDERS,
    Model,
    Row,
    metafile,
    metrics_of,
    read_model,
    read_rows,
)
from tools.model_runs import Run, read_runs, run_cells, runs_table

ROOT = Path(__file__).parents[1]
TOOL = 'tools/model_tables.py'


def folder_tables(
    configs: Path, folder: str, models: list[Model], runs: list[Run]
) -> str:
    """Tables of a folder's README.md.

    The paper's models, then the others, then trainings of ours.
    """
    link = '[{0}]({0}.py)'.format
    datasets = {model.row['dataset'] for model in models}

    def ours(name: str) -> dict[str, str]:
        cells = run_cells(runs, f'{folder}/{name}')
        return {f'{m}, ours': cells.get(m, '') for m in FOLDERS[folder]}

    rows = [
        {
            'config': link(model.row['config']),
            'dataset': model.row['dataset'] if len(datasets) > 1 else '',
            **{f'{m}, paper': model.row[m] for m in FOLDERS[folder]},
            **ours(model.row['config']),
            'params (M), paper': model.row['params_m'],
            'params (M), counted': digits(model.counted.params / 1e6),
            'input': input_text(model),
            'FLOPs (G), paper': model.row['flops_g'],
            'FLOPs (G), counted': digits(model.counted.macs / 1e9),
            'weights': f'`{name}`' if (name := model.row['weights']) else '',
        }
        for model in models
    ]
    parts = [markdown_table(rows)]
    notes = [
        f'- `{model.row["config"]}`: {model.row["note"]}.'
        for model in models
        if model.row['note']
    ]
    if notes:
        parts.append('\n'.join(notes))
    named = {model.row['config'] for model in models}
    others = [
        {
            'not in the paper': link(path.stem),
            **ours(path.stem),
            'what': purpose(path),
        }
        for path in sorted((configs / folder).glob('*.py'))
        if path.stem not in named
    ]
    if others:
        parts.append(markdown_table(others))
    if trained := runs_table(runs, folder):
        parts.append(trained)
    return '\n\n'.join(parts)


def input_text(model: Model) -> str:
    """Shape of one input, and how many of them."""
    shape = 'x'.join(map(str, model.counted.shape))
    views = model.counted.views
    return f'{shape}, {views} views' if views > 1 else shape


def digits(number: float) -> str:
    """One decimal, two below 10."""
    return f'{number:.1f}' if number >= 10 else f'{number:.2f}'


def purpose(path: Path) -> str:
    """First sentence of the comment that a config begins with.

    Raises:
        ValueError: It begins with none.
    """
    comment = re.match(r'(?:#.*\n)+', path.read_text())
    if not comment:
        raise ValueError(f'{path} must begin with a comment, for the table')
    text = ' '.join(line.strip('# ') for line in comment[0].splitlines())
    return re.split(r'(?<=\.)\s', text)[0]


def overview(rows: dict[str, list[Row]]) -> str:
    """Table of configs/README.md: what the paper calls it, our config."""
    return markdown_table(
        [
            {
                'experiment of the paper': row['experiment'],
                'config': '[{1}]({0}/{1}.py)'.format(folder, row['config']),
                'dataset': row['dataset'],
                'paper': ', '.join(
                    map(' '.join, metrics_of(folder, row).items())
                ),
            }
            for folder, rows_of_folder in rows.items()
            for row in rows_of_folder
        ]
    )


def folder_outputs(
    configs: Path, folder: str, models: list[Model]
) -> dict[Path, str]:
    """Files of a folder that are written, and their text."""
    readme = configs / folder / 'README.md'
    tables = folder_tables(configs, folder, models, read_runs(configs))
    return {
        configs / folder / 'metafile.yml': metafile(folder, models),
        readme: filled(readme, TOOL, tables),
    }


def overview_outputs(configs: Path) -> dict[Path, str]:
    """The same of the file above all folders."""
    rows = {folder: read_rows(configs, folder) for folder in FOLDERS}
    readme = configs / 'README.md'
    return {readme: filled(readme, TOOL, overview(rows))}


def main(argv: list[str] | None = None) -> int:
    """Write the files, or check them; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('folders', nargs='*', metavar='FOLDER')
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--configs', type=Path, default=ROOT / 'configs')
    args = parser.parse_args(argv)
    # MMEngine imports it for each config.
    warnings.filterwarnings('ignore', 'pkg_resources is deprecated')
    unknown = set(args.folders) - set(FOLDERS)
    if unknown:
        parser.error(
            f'FOLDER must be of {list(FOLDERS)}, got {sorted(unknown)}'
        )
    try:
        files = {}
        for folder in args.folders or FOLDERS:
            models = [
                read_model(args.configs, folder, row)
                for row in read_rows(args.configs, folder)
            ]
            files.update(folder_outputs(args.configs, folder, models))
        files.update(overview_outputs(args.configs))
    except (OSError, ValueError) as error:
        sys.stderr.write(f'model_tables: {error}\n')
        return 1
    stale = {
        path: text
        for path, text in files.items()
        if not path.is_file() or path.read_text() != text
    }
    if args.check and stale:
        names = ', '.join(str(p.relative_to(args.configs)) for p in stale)
        sys.stderr.write(
            f'model_tables: out of date in {args.configs}: {names}; run '
            '`python -m tools.model_tables`\n'
        )
        return 1
    if not args.check:
        for path, text in stale.items():
            path.write_text(text)
            print(f'wrote {path}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
