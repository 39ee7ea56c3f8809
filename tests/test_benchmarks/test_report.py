"""The report: what it says of given rows, and that it is up to date."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from benchmarks import report
from benchmarks.cases import MODELS, PEERS
from benchmarks.goals import ON_CARDS, ON_CPUS, goal_table
from benchmarks.growth import cost_points, exponent, growth_rows, size_of
from benchmarks.report import (
    FRONT,
    HERE,
    PLOTTED,
    SPEED_PLOT,
    SUMMARY,
    outputs,
    read_accuracy,
)
from benchmarks.table import Row, write_rows

ROW = Row(
    commit='abc',
    torch='2.9.1',
    device='A Processor',
    threads=2,
    dtype='fp32',
    mode='baseline',
    model='uniformer-s',
    batch=1,
    shape='224x224',
    direction='forward',
    median_s=0.2,
    iqr_s=0.01,
    rounds=5,
    images_per_s=5.0,
    peak_mem_mib=100.0,
    flops=7_200_000_000,
    flop_per_s=3.6e10,
    gemm_flop_per_s=1e11,
    ratio_to_baseline=1.0,
)
EAGER = replace(
    ROW, mode='eager', median_s=0.1, flop_per_s=7.2e10, ratio_to_baseline=2.0
)
PEER = replace(EAGER, model='swin-t', ratio_to_baseline=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a machine's measurements, and no report yet."""
    folder = tmp_path / 'benchmarks'
    folder.mkdir()
    for name in ('README.md', 'accuracy.csv'):
        shutil.copy(HERE / name, folder)
    for name in (SUMMARY, FRONT):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(HERE.parent / name, tmp_path / name)
    growth = [
        replace(
            EAGER,
            shape=f'{side}x{side}',
            median_s=1e-9 * side**3,
            peak_mem_mib=1e-3 * side**2,
        )
        for side in (100, 256, 512, 1024)
    ]
    target = {'shape': '256x192', 'batch': 8, 'peak_mem_mib': 50.0}
    rows = [ROW, EAGER, PEER, *growth]
    rows += [replace(ROW, **target), replace(EAGER, **target)]
    write_rows(folder / 'results' / f'{PLOTTED}.csv', rows)
    return folder


def test_exponents_are_fitted_to_the_largest_sizes() -> None:
    points = [(1.0, 9.0), (2.0, 9.0), (10.0, 1e2), (20.0, 4e2), (40.0, 16e2)]
    assert exponent(points) == pytest.approx(2)
    assert exponent(points[:2]) is None
    video = replace(ROW, shape='16x224x224')
    assert (size_of(ROW), size_of(video)) == (224 * 224, 16)
    wide = replace(ROW, shape='800x1344')
    assert growth_rows([wide, replace(ROW, batch=8), video]) == [video]
    assert cost_points([EAGER, ROW], 'uniformer-s', 'eager', 'MiB') == [
        (224.0 * 224, 100.0)
    ]


def test_tables_and_plots(folder: Path) -> None:
    files = outputs(folder)
    text = files[folder / 'README.md']
    lines = [line.replace(' ', '') for line in text.splitlines()]
    ours = '|uniformer-s|1x224x224|fp32|eager|100±10|2.00|100|0.72|'
    assert ours in lines
    peer = '|1x224x224|fp32|swin-t|eager|100±10|5|100|7.2|'
    assert peer in lines
    growth = '|uniformer-s|eager|pixels|65536|1048576|1.50|1.00|'
    assert growth in lines
    top = files[folder.parent / SUMMARY]
    lines = [line.replace(' ', '') for line in top.splitlines()]
    target = '|uniformer-s|8x256x192|forward|fp32|200±10|2.00|||1.00|'
    assert target.replace('|||', '|') in lines
    assert '## A Processor' in text
    assert 'Commits: abc.' in text
    plots = [path for path in files if path.suffix == '.svg']
    assert len(plots) == 4
    front = files[folder.parent / FRONT]
    assert 'inference is 2.0 to 2.0 times as fast, memory is 1.00 to' in front
    assert f'({SPEED_PLOT})' in front
    speed = files[folder.parent / SPEED_PLOT]
    assert '200 ms<' in speed
    assert '100 ms, 2.0 times as fast' in speed
    plots.remove(folder.parent / SPEED_PLOT)
    for path in plots:
        ElementTree.fromstring(files[path])
        assert f'(plots/{path.name})' in text
    growth_plot = files[folder / 'plots' / f'{PLOTTED}-fp32-growth.svg']
    assert 'uniformer-s: 1.50' in growth_plot
    assert 'swin-t' in files[folder / 'plots' / f'{PLOTTED}-fp32-accuracy.svg']
    assert outputs(folder) == files


def test_no_plot_and_no_table_of_nothing(folder: Path) -> None:
    rows = [replace(EAGER, shape=shape) for shape in ('800x1344', '256x192')]
    # Two shapes of other batches make no line either.
    rows[1] = replace(rows[1], batch=8)
    write_rows(folder / 'results' / f'{PLOTTED}.csv', rows)
    files = outputs(folder)
    assert '| 8 x 256x192 ' in files[folder / 'README.md']
    # Nor does the front page have a line without the baseline.
    assert 'A Processor' not in files[folder.parent / SUMMARY]
    assert all(path.suffix == '.md' for path in files)


def test_what_is_out_of_date_is_told_and_written(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(report, 'HERE', folder)
    monkeypatch.setattr(report, 'outputs', lambda: outputs(folder))
    assert report.main(['--check']) == 1
    errors = capsys.readouterr().err
    assert 'README.md is out of date; run `python -m benchmarks' in errors
    assert not (folder / 'plots').exists()
    assert report.main([]) == 0
    assert report.main(['--check']) == 0
    (folder / 'results' / f'{PLOTTED}.csv').write_text('a,b\n')
    assert report.main(['--check']) == 1
    assert 'must have the columns' in capsys.readouterr().err


def test_the_report_is_up_to_date() -> None:
    made = f'Matplotlib v{matplotlib.__version__},'
    for path, text in outputs().items():
        message = f'{path} is stale: run `python -m benchmarks.report`'
        if path.suffix == '.svg' and made not in path.read_text():
            continue  # other releases place things differently
        assert path.read_text() == text, message
    plots = {path for path in outputs() if path.parent.name == 'plots'}
    assert set((HERE / 'plots').glob('*')) == plots
    assert HERE.parent / SPEED_PLOT in outputs()


def test_published_accuracies() -> None:
    accuracy = read_accuracy(HERE / 'accuracy.csv')
    assert set(accuracy) <= set(MODELS)
    # SAM's encoder was not trained to classify.
    assert set(PEERS) - set(accuracy) == {'vitdet-b'}


def test_goals_are_judged_by_the_rows_of_their_case() -> None:
    of_a_gemm, times = ON_CPUS
    pose = {'shape': '256x192', 'batch': 8, 'mode': 'deployed'}
    rows = [
        replace(EAGER, mode='deployed', flop_per_s=8.1e10),
        replace(EAGER, **pose, ratio_to_baseline=1.4),
        # Of another dtype, and of another form.
        replace(EAGER, **pose, dtype='bf16', ratio_to_baseline=9.0),
        replace(EAGER, shape='256x192', batch=8, ratio_to_baseline=9.0),
    ]
    lines = goal_table(rows, [of_a_gemm, times])
    assert [(line['measured'], line['reached']) for line in lines] == [
        ('0.81', 'yes'),
        ('1.40', 'no'),
    ]
    assert [line['measured'] for line in goal_table([], [times])] == [
        'not measured'
    ]


def test_goals_beside_a_peer_and_of_memory() -> None:
    memory, peer = ON_CARDS[2], ON_CARDS[4]
    row = replace(EAGER, device='NVIDIA H200', shape='512x512')
    compiled = replace(row, mode='compiled', images_per_s=30.0)
    swin = replace(compiled, model='swin-t', images_per_s=40.0)
    of = {'model': 'uniformer-s-h14', 'shape': '800x1344'}
    training = replace(row, **of, direction='training', peak_mem_mib=40.0)
    official = replace(training, mode='baseline', peak_mem_mib=100.0)
    lines = goal_table([compiled, swin, training, official], [peer, memory])
    assert [(line['measured'], line['reached']) for line in lines] == [
        ('0.75', 'no'),
        ('0.40', 'yes'),
    ]
    (line,) = goal_table([compiled, training], [peer])
    assert line['measured'] == 'not measured'
