"""Trainings in several processes, by gloo on a CPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.ranks import Run, run
from uniformer_mm.engine import BlockFSDPStrategy, DataCheckFlexibleRunner
from uniformer_mm.engine.processes import join_processes
from uniformer_mm.engine.watch import said

FSDP: dict[str, Any] = {
    'flexible': True,
    'strategy': {'type': 'uniformer_mm.BlockFSDPStrategy'},
}
WAYS: dict[str, dict[str, Any]] = {
    'DDP': {},
    'DDPStrategy': {'flexible': True},
    'FSDP': {**FSDP, 'backbone': {'with_cp': True}},
    'FSDP, not recomputed': FSDP,
}
# Sums over ranks are added up in another order, and eight steps follow.
CLOSE = 1e-3

Trained = Callable[[str, int], Run]


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Way, number of ranks -> the training of two epochs, run once."""
    done: dict[tuple[str, int], Run] = {}

    def get(way: str, ranks: int) -> Run:
        if (way, ranks) not in done:
            folder = tmp_path_factory.mktemp('training')
            result = run(folder, ranks, batch_size=4 // ranks, **WAYS[way])
            assert result.exit_codes == [0] * ranks, result.outputs[0][-3000:]
            done[way, ranks] = result
        return done[way, ranks]

    return get


@pytest.mark.parametrize(
    'way',
    [
        'DDP',
        'FSDP',
        pytest.param('DDPStrategy', marks=pytest.mark.slow),
        pytest.param('FSDP, not recomputed', marks=pytest.mark.slow),
    ],
)
def test_two_ranks_train_as_one(way: str, trained: Trained) -> None:
    one, two = trained('DDP', 1), trained(way, 2)
    assert len(one.losses) == 8
    assert max(one.losses) > 2 * min(one.losses)  # something was learned
    assert two.losses == pytest.approx(one.losses, rel=CLOSE)
    # Decay by shape and by depth sees whole parameters.
    (alone,) = one.notes
    assert all(note['groups'] == alone['groups'] for note in two.notes)
    shares = [note['shares'] for note in two.notes]
    if way.startswith('FSDP'):
        assert sum(shares) == alone['shares']
        assert max(shares) < 0.51 * alone['shares']
    else:
        assert shares == [alone['shares']] * 2


@pytest.mark.parametrize(
    ('way', 'ranks', 'resumed_as', 'in_ranks'),
    [
        ('DDP', 1, 'FSDP', 2),
        ('FSDP', 2, 'DDP', 1),
        pytest.param('DDP', 2, 'DDP', 1, marks=pytest.mark.slow),
        pytest.param('FSDP', 2, 'FSDP', 4, marks=pytest.mark.slow),
        pytest.param('FSDP', 2, 'DDPStrategy', 2, marks=pytest.mark.slow),
    ],
)
def test_resumes_under_another_number_of_ranks(
    way: str,
    ranks: int,
    resumed_as: str,
    in_ranks: int,
    trained: Trained,
    tmp_path: Path,
) -> None:
    first = trained(way, ranks)
    second = run(
        tmp_path / 'second',
        in_ranks,
        batch_size=4 // in_ranks,
        resume=str(first.folder / 'work/epoch_1.pth'),
        **WAYS[resumed_as],
    )
    assert second.exit_codes == [0] * in_ranks, second.outputs[0][-3000:]
    assert second.losses == pytest.approx(first.losses[4:], rel=CLOSE)


def test_a_checkpoint_of_shares_is_that_of_one_process(
    trained: Trained,
) -> None:
    """Names, shapes and values, of weights and of optimizer states."""
    one, two = (
        torch.load(
            trained(way, ranks).folder / 'work/epoch_2.pth',
            weights_only=True,
        )
        for way, ranks in (('DDP', 1), ('FSDP', 2))
    )
    for part in (lambda c: c['state_dict'], lambda c: c['optimizer']['state']):
        assert part(one).keys() == part(two).keys()
    for name, weight in one['state_dict'].items():
        torch.testing.assert_close(
            two['state_dict'][name], weight, rtol=0, atol=2e-3
        )
    for index, state in one['optimizer']['state'].items():
        for name, value in state.items():
            other = two['optimizer']['state'][index][name]
            assert type(other) is torch.Tensor
            assert other.shape == value.shape


@pytest.mark.slow
def test_norms_over_all_ranks(trained: Trained, tmp_path: Path) -> None:
    """Statistics of the joint batch need ``sync_bn``; on a CPU mmcv's."""
    pytest.importorskip('mmcv')
    options = {
        'backbone': {'norm_eval': False},
        'resume': str(trained('DDP', 1).folder / 'work/epoch_1.pth'),
    }
    one = run(tmp_path / 'one', 1, batch_size=4, **options)
    two = run(tmp_path / 'two', 2, batch_size=2, sync_bn='mmcv', **options)
    assert two.exit_codes == [0, 0], two.outputs[0][-3000:]
    assert two.losses == pytest.approx(one.losses, rel=0.01)


@pytest.mark.parametrize(
    ('event', 'timeout', 'words'),
    [
        ('kill', 60, 'ranks do not answer: rank 1 (process'),
        # A rank that is stuck says where; who waits for it, how long.
        ('hang', 8, 'in before_train_iter'),
        pytest.param(
            'stop',
            25,
            'rank 1 (process',
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_rank_that_fails_ends_the_others(
    event: str, timeout: int, words: str, tmp_path: Path
) -> None:
    done = run(
        tmp_path / 'run',
        2,
        batch_size=2,
        timeout=timeout,
        event=event,
        rank=1,
        iteration=2,
    )
    assert done.exit_codes[0] == 1
    bound = 15 if event == 'kill' else timeout + 15
    assert done.seconds < bound
    assert words in done.outputs[0]
    if event == 'hang':
        assert 'last in iteration 2' in done.outputs[0]
        assert 'this rank, 1, has been in one line for' in done.outputs[1]
        assert 'time.sleep(3600)' in done.outputs[1]
    if event == 'stop':
        assert 'has not been heard of for' in done.outputs[0]


@pytest.mark.parametrize(
    ('timeout', 'error'), [('60', TypeError), (0, ValueError)]
)
def test_a_time_limit_is_a_number(
    timeout: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r'env_cfg\.dist_cfg\.timeout must'):
        join_processes('none', {'timeout': timeout})


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('sync_bn', 'torch'),
        ('find_unused_parameters', True),
        ('model_wrapper_cfg', {'type': 'MMDistributedDataParallel'}),
    ],
)
def test_settings_that_would_be_lost_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf'{key} is not read.*strategy\.'):
        DataCheckFlexibleRunner.from_cfg({key: value})


def test_the_check_of_data_stays_with_strategies(tmp_path: Path) -> None:
    missing = {'dataset': {'type': 'A', 'data_root': str(tmp_path / 'none')}}
    with pytest.raises(SystemExit, match='they do not exist'):
        DataCheckFlexibleRunner.from_cfg({'train_dataloader': missing})


def test_what_a_strategy_of_shares_refuses() -> None:
    with pytest.raises(ValueError, match='takes no model_wrapper'):
        BlockFSDPStrategy(model_wrapper={'type': 'A'})
    strategy = BlockFSDPStrategy()
    with pytest.raises(ValueError, match='blocks of UniFormer, got Linear'):
        strategy._wrap_model(torch.nn.Linear(1, 1))


def test_a_rank_never_heard_of_is_named_by_its_number() -> None:
    assert said(3, '') == 'rank 3'
    beat = {'process': 7, 'host': 'a', 'iteration': 2, 'place': 'b'}
    assert said(3, json.dumps(beat)) == (
        'rank 3 (process 7 on a, last in iteration 2, b)'
    )


@pytest.mark.slow
def test_deepspeed(tmp_path: Path) -> None:
    """The extra: its first run compiles, for minutes."""
    pytest.importorskip('deepspeed')
    strategy = {
        'type': 'DeepSpeedStrategy',
        'config': {
            'zero_allow_untested_optimizer': True,
            'zero_optimization': {'stage': 1},
        },
    }
    options = {'flexible': True, 'epochs': 1, 'clip': None}
    one = run(tmp_path / 'one', 1, batch_size=4, **options)
    two = run(
        tmp_path / 'two',
        2,
        batch_size=2,
        strategy=strategy,
        optim_wrapper='DeepSpeedOptimWrapper',
        **options,
    )
    assert two.exit_codes == [0, 0], two.outputs[0][-3000:]
    assert two.losses == pytest.approx(one.losses, rel=CLOSE)
