"""tools.matrix: the environments, the checks, and what is said of them."""

from __future__ import annotations

import os
from configparser import ConfigParser
from pathlib import Path

import pytest

from tools.generated import filled
from tools.matrix import __main__ as matrix
from tools.matrix.cells import Cell, Result, read_cells, read_results
from tools.matrix.checks import last_words, run_checks
from tools.matrix.table import TOOL, table

ROOT = Path(__file__).parents[2]
CELL = Cell('one', '3.13', 'py313', 'mmcv-lite')


def result(check: str, outcome: str = 'ok', words: str = '') -> Result:
    versions = 'torch 2.9.1+cu128, numpy 2.1.0'
    return Result('one', '', 'abc', versions, check, outcome, words)


def test_each_python_has_a_cell_a_lock_and_a_classifier() -> None:
    metadata = ConfigParser()
    metadata.read(ROOT / 'setup.cfg')
    sign = 'Programming Language :: Python :: '
    cells = read_cells()
    pythons = {cell.python for cell in cells}
    assert pythons == {
        line.removeprefix(sign)
        for line in metadata['metadata']['classifiers'].splitlines()
        if line.startswith(sign)
    }
    assert {f'py{python.replace(".", "")}' for python in pythons} == {
        cell.lock for cell in cells if cell.lock.startswith('py')
    }
    for cell in cells:
        assert (ROOT / f'requirements/lock-{cell.lock}.txt').is_file()


def test_the_table_is_that_of_the_results() -> None:
    path = ROOT / 'docs/install.md'
    content = table(read_cells(), read_results())
    assert filled(path, TOOL, content) == path.read_text()


def test_the_table_names_what_failed_and_has_notes() -> None:
    rows = [
        *(result('install', words='from a wheel'), result('doctor')),
        result('mmpose', 'failed', 'KeyError: 1'),
    ]
    lines = table([CELL], rows).splitlines()
    titles, cell = (
        [part.strip() for part in line.split('|')[1:-1]]
        for line in (lines[0], lines[2])
    )
    shown = dict(zip(titles, cell, strict=True))
    assert shown['Python'] == '3.13'
    assert shown['torch'] == '2.9.1'
    assert (shown['doctor'], shown['mmpose']) == ('ok', 'failed')
    assert 'install' not in shown
    assert lines[-2:] == [
        '- one, install: `from a wheel`',
        '- one, mmpose: `KeyError: 1`',
    ]


def test_a_result_of_no_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="no cell one among \\['two'\\]"):
        table([Cell('two', '3.13', 'py313', 'mmcv-lite')], [result('doctor')])


def test_tables_with_other_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'cells.csv'
    path.write_text('cell,python\n')
    with pytest.raises(ValueError, match='must have the columns'):
        read_cells(path)


def fake_environment(folder: Path, fails: str) -> Path:
    """Commands of an environment, of which those with ``fails`` fail."""
    bin_dir = folder / 'venv/bin'
    bin_dir.mkdir(parents=True)
    for name in ('python', 'mim', 'uniformer-mm'):
        (bin_dir / name).write_text(f"""#!/bin/sh
echo "$0 $@" >> {folder}/calls
case "$*" in *"{fails}"*) echo "no $1 today"; exit 1;; esac
[ "$1" = train ] && mkdir -p "$2" && echo epoch_1.pth > "$2/last_checkpoint"
echo '== 3 passed in 4.2s =='
""")
        (bin_dir / name).chmod(0o755)
    return bin_dir / 'python'


def test_a_check_that_fails_does_not_end_the_others(tmp_path: Path) -> None:
    python = fake_environment(tmp_path, 'test mmseg')
    checks = {check.check: check for check in run_checks(python, tmp_path)}
    assert checks['compat'].words == '3 passed'
    assert checks['mmseg'].words == 'no test today'
    outcomes = {name: check.outcome for name, check in checks.items()}
    assert outcomes.pop('mmseg') == 'failed'
    assert set(outcomes.values()) == {'ok'}
    assert set(outcomes) == {
        *('doctor', 'goldens', 'compat'),
        *('mmdet', 'mmpose', 'mmaction', 'mmpretrain'),
    }
    calls = (tmp_path / 'calls').read_text()
    assert '--checkpoint epoch_1.pth' in calls
    assert 'no test today' in (tmp_path / 'mmseg.log').read_text()


def test_a_missing_python_is_a_failed_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('PATH', os.devnull)
    (row,) = matrix.check_cell(CELL, tmp_path, 'abc')
    assert (row.check, row.outcome) == ('install', 'failed')
    assert row.words == 'no python3.13 on PATH'


@pytest.mark.parametrize(
    ('output', 'words'),
    [
        ('a\nKeyError: 1\n\n', 'KeyError: 1'),
        (
            '==== 3 passed, 1 skipped in 4.20s (0:00:04) ====',
            '3 passed, 1 skipped',
        ),
        ('', ''),
    ],
)
def test_the_last_words_are_without_times(output: str, words: str) -> None:
    assert last_words(output) == words
