"""Numbers that go wrong stop a training, and are not written anywhere."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.optim.optimizer import amp_optimizer_wrapper
from torch import Tensor, nn

from tests.support.tiny_training import (
    Net,
    Numbers,
    build,
    equal,
    tiny_config,
    train,
    weights,
)
from uniformer_mm.engine import NonFiniteError
from uniformer_mm.engine import runner as runner_module

HOOK = 'uniformer_mm.NonFiniteHook'


def config_of(work_dir: Path, **changes: Any) -> dict[str, Any]:
    config = tiny_config(work_dir, **changes)
    config['default_hooks']['non_finite'] = {'type': HOOK}
    return config


def with_bad(config: dict[str, Any], **bad: float) -> dict[str, Any]:
    numbers = {int(name[1:]): value for name, value in bad.items()}
    config['train_dataloader']['dataset'] = Numbers(numbers)
    return config


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_bad_input_is_named_and_poisons_nothing(
    value: float, tmp_path: Path
) -> None:
    runner = build(with_bad(config_of(tmp_path), i5=value))
    with pytest.raises(NonFiniteError) as error:
        runner.train()
    text = str(error.value)
    assert 'First bad: the input itself: batch.x' in text
    assert 'pictures/5.jpg' in text
    assert all(v.isfinite().all() for v in weights(runner).values())
    assert not list(tmp_path.glob('epoch*.pth'))


class Far(torch.autograd.Function):
    """Zero, with an infinite gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.new_zeros(())

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.full_like(x, float('inf'))


def far(x: Tensor) -> Tensor:
    result: Tensor = Far.apply(x)
    return result


class Late(Net):
    """Goes wrong where it is told to, at one iteration."""

    def __init__(self, where: str, iteration: int = 5) -> None:
        super().__init__()
        self.where = where
        self.iteration = iteration
        self.calls = 0
        if where == 'sparse gradient':
            self.table = nn.Embedding(2, 3, sparse=True)

    def forward(self, x: Tensor, mode: str) -> dict[str, Tensor]:
        self.calls += 1
        wrong = self.calls > self.iteration
        y = self.first(x)
        if wrong and self.where == 'statistic':
            self.norm.running_var.fill_(float('inf'))
        y = self.norm(y).relu()
        y = self.last(self.drop(y))
        loss = y.square().mean()
        if wrong and self.where == 'gradient':
            loss = loss + (y - y.detach()).abs().sqrt().sum()
        if wrong and self.where == 'infinite gradient':
            loss = loss + far(y)
        if wrong and self.where == 'gradients too large to clip':
            loss = loss + 1e30 * (y - y.detach()).sum()
        if wrong and self.where == 'sparse gradient':
            loss = loss + far(self.table(torch.zeros(1, dtype=torch.long)))
        losses = {'loss': loss}
        if wrong and self.where == 'another_loss':
            losses['loss_of_none'] = torch.zeros(0).mean()
        losses['accuracy'] = torch.zeros(0).mean()  # of no samples: NaN
        return losses


@pytest.mark.parametrize(
    ('where', 'what', 'first'),
    [
        (
            'gradient',
            'the norm of the gradients',
            'the gradient of the output of last; the forward was finite',
        ),
        ('statistic', 'a batch norm statistic', 'the statistic norm.running_'),
        ('another_loss', 'the loss loss_of_none', 'the loss loss_of_none'),
    ],
)
def test_the_first_bad_part_is_named(
    where: str, what: str, first: str, tmp_path: Path
) -> None:
    runner = build(config_of(tmp_path, model=Late(where)))
    with pytest.raises(NonFiniteError) as error:
        runner.train()
    expected = f'iteration 6: {what} is not finite. First bad: {first}'
    assert str(error.value).startswith(expected)
    assert all(v.isfinite().all() for v in weights(runner).values())


CLIPS = [None, {'max_norm': 1.0}, {'type': 'value', 'clip_value': 1.0}]


@pytest.mark.parametrize('clip', CLIPS)
@pytest.mark.parametrize('counts', [1, 4])
def test_nothing_is_clipped_or_added_up_unseen(
    clip: Any, counts: int, tmp_path: Path
) -> None:
    """The batch is named that is at fault, not that of the next step."""
    config = config_of(tmp_path, model=Late('infinite gradient'))
    config['optim_wrapper'].update(clip_grad=clip, accumulative_counts=counts)
    runner = build(config)
    with pytest.raises(NonFiniteError) as error:
        runner.train()
    expected = 'iteration 6: the norm of the gradients is not finite. First'
    assert str(error.value).startswith(expected)
    assert 'gradient of the output of last' in str(error.value)
    assert all(v.isfinite().all() for v in weights(runner).values())


def test_gradients_that_clipping_would_make_zero(tmp_path: Path) -> None:
    config = config_of(tmp_path, model=Late('gradients too large to clip'))
    config['optim_wrapper']['clip_grad'] = {'max_norm': 1.0}
    with pytest.raises(NonFiniteError, match='norm of the gradients'):
        train(config)


def test_a_gradient_of_some_rows(tmp_path: Path) -> None:
    config = config_of(tmp_path, model=Late('sparse gradient'))
    config['optim_wrapper']['optimizer'] = {'type': 'SGD', 'lr': 0.01}
    with pytest.raises(NonFiniteError, match='iteration 6: the norm of the g'):
        train(config)


def test_a_loss_that_is_no_tensor(tmp_path: Path) -> None:
    class Tells(Net):
        def train_step(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().train_step(*args, **kwargs)['loss']
            return {'loss': float(loss) * bad}

    bad = float('nan')
    with pytest.raises(NonFiniteError, match='iteration 1: the loss loss is'):
        train(config_of(tmp_path, model=Tells()))


@pytest.mark.parametrize('where', ['gradient', 'statistic'])
def test_norms_that_are_frozen(where: str, tmp_path: Path) -> None:
    model = Late(where)
    model.norm.eval().train = lambda _=True: model.norm
    model.norm.requires_grad_(False)
    with pytest.raises(NonFiniteError, match='iteration 6: '):
        train(config_of(tmp_path, model=model))


def test_skipping_under_clipping_and_adding_up(tmp_path: Path) -> None:
    config = with_bad(config_of(tmp_path), i5=float('nan'))
    config['optim_wrapper'].update(
        clip_grad={'max_norm': 1.0}, accumulative_counts=2
    )
    config['default_hooks']['non_finite'].update(action='skip')
    runner = train(config)
    assert runner.iter == 12
    assert all(v.isfinite().all() for v in weights(runner).values())
    log = ''.join(p.read_text() for p in tmp_path.glob('*/*.log'))
    assert log.count('pictures/5.jpg') == 3
    clip = runner.optim_wrapper.clip_func
    assert clip is torch.nn.utils.clip_grad_norm_  # as it was


def test_several_optimizers(tmp_path: Path) -> None:
    class Two(Late):
        def train_step(self, data: Any, optim_wrapper: Any) -> Any:
            losses = self._run_forward(data, mode='loss')
            total, values = self.parse_losses(losses)
            total.backward()
            for wrapper in optim_wrapper.values():
                wrapper.step()
                wrapper.zero_grad()
            return values

    model = Two('infinite gradient')
    config = config_of(tmp_path, model=model)
    config['optim_wrapper'] = OptimWrapperDict(
        first=OptimWrapper(
            torch.optim.SGD(model.first.parameters(), lr=0.01),
            clip_grad={'max_norm': 1.0},
        ),
        last=OptimWrapper(torch.optim.SGD(model.last.parameters(), lr=0.01)),
    )
    with pytest.raises(NonFiniteError, match='iteration 6: '):
        train(config)
    assert all(v.isfinite().all() for v in model.parameters())


def test_overflow_names_the_module(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config['model'].first.weight.data.fill_(1e38)
    with pytest.raises(NonFiniteError, match='output of first, whose input'):
        train(config)


def test_skipping_goes_on_and_counts(tmp_path: Path) -> None:
    config = with_bad(config_of(tmp_path), i5=float('nan'))
    hook = config['default_hooks']['non_finite']
    hook.update(action='skip', max_skips=3)
    runner = train(config)  # three epochs, one bad batch in each
    assert runner.iter == 12
    assert all(v.isfinite().all() for v in weights(runner).values())
    history, _ = runner.message_hub.get_scalar('train/loss').data
    assert len(history) == 9
    assert torch.isfinite(torch.tensor(history)).all()
    log = ''.join(p.read_text() for p in tmp_path.glob('*/*.log'))
    assert log.count('pictures/5.jpg') == 3
    hook['max_skips'] = 2
    with pytest.raises(NonFiniteError):
        train(config)


def test_a_skipped_batch_changes_nothing(tmp_path: Path) -> None:
    all_bad = {f'i{index}': float('nan') for index in range(8)}
    config = with_bad(config_of(tmp_path), **all_bad)
    config['default_hooks']['non_finite'].update(action='skip')
    config['train_cfg']['max_epochs'] = 1
    first = {k: v.clone() for k, v in config['model'].state_dict().items()}
    runner = train(config)
    assert runner.iter == 4
    del first['norm.num_batches_tracked']
    assert equal(weights(runner), first)


def with_a_scaler(
    work_dir: Path, monkeypatch: pytest.MonkeyPatch, exponent: int
) -> dict[str, Any]:
    """MMEngine's mixed precision, which asks for a GPU, on a CPU."""
    monkeypatch.setattr(
        amp_optimizer_wrapper, 'is_cuda_available', lambda: True
    )
    monkeypatch.setattr(
        runner_module, 'fit_to_device', lambda wrapper: wrapper
    )
    monkeypatch.setattr(
        amp_optimizer_wrapper,
        'GradScaler',
        partial(torch.amp.GradScaler, 'cpu', init_scale=2.0**exponent),
    )
    config = config_of(work_dir)
    config['optim_wrapper'].update(type='AmpOptimWrapper', dtype='bfloat16')
    config['default_hooks']['checkpoint']['max_keep_ckpts'] = 3
    return config


def test_a_scaler_may_skip_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is resumed in the middle of it, to the bit."""
    runner = train(with_a_scaler(tmp_path, monkeypatch, 127))
    scale = runner.optim_wrapper.loss_scaler.get_scale()
    assert 2.0**100 < scale < 2.0**127
    (tmp_path / 'epoch_3.pth').unlink()
    (tmp_path / 'epoch_2.pth').unlink()
    config = with_a_scaler(tmp_path, monkeypatch, 10)
    again = train({**config, 'resume': True})
    assert again.optim_wrapper.loss_scaler.get_scale() == scale
    assert equal(weights(again), weights(runner))


def test_a_scaler_that_skips_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_a_scaler(tmp_path, monkeypatch, 127)
    hook = config['default_hooks']['non_finite']
    hook.update(action='skip', max_scaler_skips=2)
    config['model'].last.weight.data.mul_(1e15)
    with pytest.raises(NonFiniteError, match='in 3 iterations in a row'):
        train(config)


def test_bad_weights_are_not_written(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    runner = build(config)
    runner.train()
    before = {p: p.read_bytes() for p in tmp_path.glob('*.pth')}
    runner.model.norm.running_var[1] = float('nan')
    with pytest.raises(NonFiniteError, match=r'norm\.running_var'):
        runner.save_checkpoint(str(tmp_path), 'epoch_4.pth')
    assert before == {p: p.read_bytes() for p in tmp_path.glob('*.pth')}


@pytest.mark.parametrize(
    ('option', 'value', 'error'),
    [
        ('action', 'go', ValueError),
        ('max_skips', -1, ValueError),
        ('max_scaler_skips', 0, ValueError),
        ('max_skips', 1.5, TypeError),
    ],
)
def test_options(option: str, value: Any, error: type, tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config['default_hooks']['non_finite'][option] = value
    with pytest.raises(error, match=option):
        build(config)
