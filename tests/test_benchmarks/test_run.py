"""Measuring: real models, small inputs, a table that can be read again."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.cases import DTYPES, OURS, PASSES, PEERS, SUITES, Case
from benchmarks.measure import check_outputs, count_flops
from benchmarks.memory import bytes_of, peak_bytes
from benchmarks.modes import Models, check_mode
from benchmarks.run import main, parse_case, replace_rows, select
from benchmarks.table import COLUMNS, read_rows
from benchmarks.timing import interleave
from tests.support.markers import needs_compiler

CPU = torch.device('cpu')
SMALL = 'uniformer-xxs:64x96:2'


def run(path: Path, *words: str) -> int:
    return main([*words, '--rounds', '3', '--out', str(path)])


def test_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'out.csv'
    words = ('--case', SMALL, '--modes', 'baseline', 'eager')
    assert run(path, *words, '--commit', 'abc') == 0
    baseline, eager = rows = read_rows(path)
    assert [row.mode for row in rows] == ['baseline', 'eager']
    assert baseline.ratio_to_baseline == 1
    for row in rows:
        assert row.commit == 'abc'
        assert (row.model, row.batch) == ('uniformer-xxs', 2)
        assert (row.shape, row.direction) == ('64x96', 'forward')
        assert (row.torch, row.rounds) == (torch.__version__, 3)
        assert row.flops == baseline.flops
        assert row.images_per_s == pytest.approx(2 / row.median_s, rel=1e-3)
        assert row.ratio_to_baseline == pytest.approx(
            baseline.median_s / row.median_s, rel=1e-3
        )
    assert '1.00 x the baseline' in capsys.readouterr().out
    # Another mode is added, the same one is replaced.
    assert run(path, '--case', SMALL, '--modes', 'eager', 'deployed') == 0
    first, again, deployed = read_rows(path)
    assert first == baseline
    assert (again.mode, deployed.mode) == ('eager', 'deployed')
    assert again.ratio_to_baseline is None
    # Both hold weights, input and activations; norms are folded away.
    assert again.peak_mem_mib == eager.peak_mem_mib
    assert again.peak_mem_mib is not None
    assert deployed.peak_mem_mib is not None
    assert 10e6 * 4 / 2**20 < deployed.peak_mem_mib < again.peak_mem_mib


def test_training_and_a_spent_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'out.csv'
    words = ('--modes', 'eager', 'checkpointed', 'deployed', '--budget-s')
    assert run(path, '--case', f'{SMALL}:training', *words, '1') == 0
    eager, checkpointed = read_rows(path)
    assert eager.peak_mem_mib is not None
    assert checkpointed.peak_mem_mib is not None
    assert checkpointed.peak_mem_mib < eager.peak_mem_mib
    assert run(path, '--case', SMALL, *words, '0') == 1
    assert 'not measured: uniformer-xxs 64x96' in capsys.readouterr().out


def test_peers_are_measured(tmp_path: Path) -> None:
    pytest.importorskip('timm')
    path = tmp_path / 'out.csv'
    case = 'convnext-t:64x64:1'
    words = ('--modes', 'baseline', 'eager', 'deployed', '--no-memory')
    assert run(path, '--case', case, *words) == 0
    (row,) = read_rows(path)
    assert (row.mode, row.ratio_to_baseline) == ('eager', None)
    assert row.peak_mem_mib is None


def test_the_columns_are_the_documented_ones(tmp_path: Path) -> None:
    assert 'pass' in COLUMNS
    path = tmp_path / 'out.csv'
    path.write_text('model,seconds\n')
    with pytest.raises(ValueError, match='must have the columns'):
        read_rows(path)
    with path.open(newline='') as file:
        assert next(csv.reader(file)) == ['model', 'seconds']


def test_a_wrong_output_stops_the_run() -> None:
    case = parse_case(SMALL)
    models = Models(case, CPU)
    built = {mode: models.build(mode) for mode in ('baseline', 'eager')}
    check_outputs(built, models.input())
    with torch.no_grad():
        built['eager'].patch_embed1.proj[0].bias += 1
    with pytest.raises(ValueError, match="mode 'eager' must be within"):
        check_outputs(built, models.input())


def test_flops_are_those_of_the_paper() -> None:
    # 3.6 G multiply-adds at 224 x 224.
    flops = count_flops(Case('uniformer-s', (224, 224), 2))
    assert flops / 4e9 == pytest.approx(3.6, rel=0.02)


@pytest.mark.parametrize(
    ('model', 'shape', 'stem'),
    [
        ('uniformer-s-h14', (96, 64), 24 * 16 * 64 * 3 * 4 * 4),
        ('uniformer-s-video', (4, 64, 32), 2 * 16 * 8 * 64 * 3 * 3 * 4 * 4),
    ],
)
def test_gradients_take_twice_the_flops(
    model: str, shape: tuple[int, ...], stem: int
) -> None:
    forward = count_flops(Case(model, shape, 2))
    training = count_flops(Case(model, shape, 2, 'training'))
    # Of pixels there is no gradient; two images, two FLOPs per multiply-add.
    assert training == 3 * forward - 2 * 2 * stem


def test_peak_bytes_counts_what_is_alive_at_once() -> None:
    def call() -> torch.Tensor:
        x = torch.ones(1000, 1000)
        x = x + 1
        return x.sum()

    assert 8e6 <= peak_bytes(call, CPU) < 8.1e6
    assert bytes_of(torch.nn.Linear(10, 10), torch.ones(5)) == 460


def test_rounds_are_interleaved() -> None:
    order: list[str] = []
    ticks = iter(range(1000))
    calls = {name: lambda name=name: order.append(name) for name in 'ab'}
    times = interleave(
        calls, rounds=4, budget_s=99, warmup=1, clock=lambda: next(ticks)
    )
    assert order == list('ab' * 5)
    assert times['a'].seconds == (1, 1, 1, 1)
    assert (times['a'].median, times['a'].iqr) == (1, 0)
    few = interleave(calls, rounds=4, budget_s=0, clock=lambda: next(ticks))
    assert len(few['b'].seconds) == 3
    with pytest.raises(ValueError, match='rounds must be at least'):
        interleave(calls, rounds=2, budget_s=1)


def test_every_suite_is_of_known_cases() -> None:
    for cases in SUITES.values():
        assert len(set(cases)) == len(cases)
    assert {c.model for c in SUITES['full']} > set(PEERS)
    assert {c.direction for c in SUITES['gpu']} == set(PASSES)
    assert {c.dtype for c in SUITES['full']} == set(DTYPES)
    assert {c.model for c in SUITES['growth']} < set(OURS)


@pytest.mark.parametrize('model', list(OURS))
def test_every_model_can_be_built(model: str) -> None:
    shape = (4, 32, 32) if '-video' in model else (32, 32)
    with torch.device('meta'):
        models = Models(Case(model, shape, 1), torch.device('meta'))
        assert models.applies('baseline') == ('split' not in model)
        if models.applies('baseline'):
            models.build('baseline')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('uniformer-s', 'a case must be written as MODEL:SHAPE:BATCH'),
        ('uniformer-s:224x224:many', 'a case must be written as'),
        ('resnet:224x224:1', "unknown model 'resnet'; choose one of"),
        ('uniformer-s:224:1', 'shape must be 2 positive numbers'),
        ('uniformer-s:axb:1', "shape must be written as '800x1344'"),
        ('uniformer-s:224x224:0', 'batch must be >= 1, got 0'),
        ('uniformer-s:224x224:1:back', "unknown direction 'back'"),
        ('uniformer-s:224x224:1:forward:int8', "unknown dtype 'int8'"),
    ],
)
def test_wrong_cases(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_case(text)


def test_wrong_modes_and_selections() -> None:
    with pytest.raises(ValueError, match="unknown mode 'fast'; choose"):
        check_mode('fast')
    with pytest.raises(ValueError, match='no case of the suite has models'):
        select(SUITES['quick'], models=['swin-t'])
    assert replace_rows([], []) == []


@pytest.mark.slow
@needs_compiler
def test_frozen_weights_are_laid_out_anew() -> None:
    models = Models(parse_case('uniformer-s:64x64:2'), CPU)
    built = {
        mode: models.build(mode) for mode in ('baseline', 'deployed+frozen')
    }
    check_outputs(built, models.input())
    layers = [
        m
        for m in built['deployed+frozen'].modules()
        if isinstance(m, nn.Linear)
    ]
    assert len(layers) > 10
    for layer in layers:
        layer.weight.zero_()
    check_outputs(built, models.input())
