"""Numbers that go wrong stop a training, and are not written anywhere."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.tiny_training import (
    Net,
    Numbers,
    build,
    equal,
    tiny_config,
    train,
    weights,
)
from tests.support.trainings import small_training
from uniformer_mm.cli.main import main
from uniformer_mm.engine import NonFiniteError

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


class Late(Net):
    """Goes wrong where it is told to, at one iteration."""

    def __init__(self, where: str, iteration: int = 5) -> None:
        super().__init__()
        self.where = where
        self.iteration = iteration
        self.calls = 0

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
        losses = {'loss': loss}
        if wrong and self.where == 'another_loss':
            losses['accuracy'] = loss.detach() * float('nan')
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
        ('another_loss', 'the loss accuracy', 'the loss accuracy'),
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


class Scaler:
    """A gradient scaler that skips steps, as those of a GPU."""

    def __init__(self, skipped: int) -> None:
        self.left = skipped

    def scale(self, loss: Tensor) -> Tensor:
        return loss

    def get_scale(self) -> float:
        return 2.0**-self.left


@pytest.mark.parametrize('skipped', [3, 4])
def test_steps_that_the_scaler_skips(skipped: int, tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config['default_hooks']['non_finite'].update(max_scaler_skips=3)
    runner = build(config)
    scaler = Scaler(skipped)
    build_wrapper = runner.build_optim_wrapper

    def with_scaler(cfg: Any) -> Any:
        wrapper = build_wrapper(cfg)
        if not hasattr(wrapper, 'loss_scaler'):
            wrapper.loss_scaler = scaler
            step = wrapper.step

            def maybe(**kwargs: Any) -> None:
                scaler.left -= 1
                if scaler.left < 0:
                    step(**kwargs)

            wrapper.step = maybe
        return wrapper

    runner.build_optim_wrapper = with_scaler
    if skipped == 3:
        runner.train()
        assert runner.iter == 12
    else:
        with pytest.raises(NonFiniteError, match='in 4 iterations in a row'):
            runner.train()


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


@pytest.mark.skipif(find_spec('mmseg') is None, reason='mmseg is missing')
def test_reproduced_by_one_command(
    few_shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mmengine.registry import RUNNERS

    config = small_training('segmentation', few_shapes, tmp_path)
    config.optim_wrapper.optimizer.lr = 1e30
    config.param_scheduler = []
    config.experiment_name = tmp_path.name
    with pytest.raises(NonFiniteError, match='train/0000') as error:
        RUNNERS.build(config).train()
    (command,) = re.findall(r'uniformer-mm (reproduce \S+)', str(error.value))
    (first,) = re.findall(r'First bad: (.+?)\. Samples', str(error.value))
    assert main(command.split()) == 0
    assert f'first bad: {first}\n' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(['reproduce'])
    assert main(['reproduce', str(tmp_path / 'none.pth')]) == 1
