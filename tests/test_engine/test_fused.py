"""Fused steps: the numbers of the usual ones, or the usual ones."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import RUNNERS
from torch import nn
from torch.optim import SGD, Adam, AdamW

import uniformer_mm.engine  # noqa: F401 (registers the runner)
from uniformer_mm.engine.fused import fuse_steps


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        # Of channels-last maps its gradient has other strides, which tell
        # nothing: those of an axis of size 1.
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Flatten(),
        nn.Linear(32, 5),
    )


def optimizer_of(model: nn.Module, kind: Any = AdamW, **options: Any) -> Any:
    groups = [{'params': [p]} for p in model.parameters()]
    return kind(groups, lr=0.1, **options)


def fused(optimizer: Any) -> list[Any]:
    return [group.get('fused') for group in optimizer.param_groups]


def train(model: nn.Module, optimizer: Any, steps: int) -> None:
    for step in range(steps):
        torch.manual_seed(step)
        optimizer.zero_grad()
        x = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
        model(x).square().sum().backward()
        optimizer.step()


def assert_same(one: nn.Module, other: nn.Module) -> None:
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('kind', [Adam, AdamW])
@pytest.mark.parametrize('options', [{}, {'amsgrad': True, 'maximize': True}])
def test_same_numbers_and_resumed(kind: Any, options: Any) -> None:
    models = [network() for _ in range(3)]
    usual, ours, resumed = (
        optimizer_of(model, kind, weight_decay=0.05, **options)
        for model in models
    )
    fuse_steps(OptimWrapperDict(a=OptimWrapper(ours)))
    assert fused(ours) == [True] * 6
    train(models[0], usual, 5)
    train(models[1], ours, 5)
    assert fused(ours) == [True] * 6
    assert_same(models[0], models[1])
    # A training that began with the usual steps goes on with them.
    fuse_steps(OptimWrapper(resumed))
    models[2].load_state_dict(copy.deepcopy(models[0].state_dict()))
    resumed.load_state_dict(copy.deepcopy(usual.state_dict()))
    assert fused(resumed) == [None] * 6
    for model, optimizer in ((models[0], usual), (models[2], resumed)):
        train(model, optimizer, 2)
    assert all(
        map(torch.equal, models[0].parameters(), models[2].parameters())
    )


@pytest.mark.parametrize('what', ['gradient', 'state', 'parameter'])
def test_other_layouts_get_the_usual_steps(what: str) -> None:
    models = [network(), network()]
    usual, ours = map(optimizer_of, models)
    fuse_steps(OptimWrapper(ours))
    for model, optimizer in zip(models, (usual, ours), strict=True):
        train(model, optimizer, 2)
        weight = next(model.parameters())
        if what == 'gradient':
            assert weight.grad is not None
            weight.grad = weight.grad.to(memory_format=torch.channels_last)
        elif what == 'state':
            state = optimizer.state[weight]
            state['exp_avg'] = state['exp_avg'].to(
                memory_format=torch.channels_last
            )
        else:
            model.to(memory_format=torch.channels_last)
        optimizer.step()
    assert fused(ours) == [None, *[True] * 5]
    assert_same(*models)


@pytest.mark.parametrize(
    ('kind', 'options'),
    [
        (AdamW, {'foreach': False}),
        (AdamW, {'fused': False}),
        (AdamW, {'differentiable': True}),
        (type('Ours', (AdamW,), {}), {}),
        (SGD, {}),
    ],
)
def test_choices_of_a_config_stay(kind: Any, options: Any) -> None:
    optimizer = optimizer_of(network(), kind, **options)
    before = fused(optimizer)
    fuse_steps(OptimWrapper(optimizer))
    assert fused(optimizer) == before


@pytest.mark.parametrize(
    'change',
    [
        lambda model: model.double(),
        lambda model: model.to(memory_format=torch.channels_last),
    ],
)
def test_other_parameters_are_left(change: Any) -> None:
    optimizer = optimizer_of(change(network()))
    fuse_steps(OptimWrapper(optimizer))
    assert fused(optimizer)[0] is None


def test_sparse_gradients_are_refused_as_ever() -> None:
    table = nn.Embedding(4, 2, sparse=True)
    optimizer = optimizer_of(table)
    fuse_steps(OptimWrapper(optimizer))
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match='does not support sparse'):
        optimizer.step()


def test_the_runner_fuses_what_it_builds(tmp_path: Any) -> None:
    runner = RUNNERS.get('uniformer_mm.DataCheckRunner')(
        network(), str(tmp_path), experiment_name='fused'
    )
    config = {'type': 'OptimWrapper', 'optimizer': {'type': 'AdamW'}}
    assert fused(runner.build_optim_wrapper(config).optimizer) == [True]
    built = OptimWrapper(optimizer_of(runner.model))
    assert runner.build_optim_wrapper(built) is built
    assert fused(built.optimizer) == [None] * 6
