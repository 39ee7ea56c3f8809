"""What a kill, a full disk or a mix-up leaves, and going on from it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook

from tests.support.tiny_training import (
    Net,
    build,
    equal,
    tiny_config,
    train,
    weights,
)
from tests.support.trainings import in_a_process
from uniformer_mm.engine import checkpoint_hook

NAMES = ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth']


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(Its folder with all checkpoints, the last weights.)"""
    folder = tmp_path_factory.mktemp('whole')
    config = tiny_config(folder)
    config['default_hooks']['checkpoint']['max_keep_ckpts'] = -1
    return folder, weights(train(config))


@pytest.fixture
def folder(whole: Any, tmp_path: Path) -> Path:
    """The unbroken training's folder, killed after the second epoch."""
    for name in NAMES[:2]:
        shutil.copy(whole[0] / name, tmp_path)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / NAMES[1]))
    return tmp_path


def resume(folder: Path, **changes: Any) -> Any:
    return train(tiny_config(folder, resume=True, **changes))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def half_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(_self: Any, obj: bytes, filepath: str) -> None:
        Path(filepath).write_bytes(obj[: len(obj) // 2])
        die()

    monkeypatch.setattr(LocalBackend, 'put', put)


def before_the_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_hook, '_replace', lambda *_: die())


def before_the_pointer(monkeypatch: pytest.MonkeyPatch) -> None:
    name = 'write_last_checkpoint'
    monkeypatch.setattr(checkpoint_hook, name, lambda *_: die())


def before_the_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    name = 'CheckpointHook._delete'
    monkeypatch.setattr(
        checkpoint_hook.CheckpointHook, name[15:], lambda *_: die()
    )


@pytest.mark.parametrize(
    'killed',
    [half_a_file, before_the_rename, before_the_pointer, before_the_deletion],
)
def test_killed_while_a_checkpoint_is_written(
    killed: Callable[[pytest.MonkeyPatch], None],
    whole: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def first_epoch_then_killed() -> None:
        config = tiny_config(tmp_path)
        config['train_cfg']['max_epochs'] = 1
        train(config)
        killed(monkeypatch)
        resume(tmp_path)

    assert in_a_process(first_epoch_then_killed) == -signal.SIGKILL
    assert (tmp_path / NAMES[0]).exists()
    assert equal(weights(resume(tmp_path)), whole[1])
    assert not list(tmp_path.glob('.*.part'))
    kept = {path.name for path in tmp_path.glob('*.pth')}
    # One that was about to be deleted is not known to the next process.
    assert kept - {NAMES[0]} == {NAMES[2]}


def test_killed_at_any_iteration(whole: Any, tmp_path: Path) -> None:
    class Kill(Hook):
        def __init__(self, iteration: int) -> None:
            self.iteration = iteration

        def after_train_iter(self, runner: Any, *_: Any, **__: Any) -> None:
            if runner.iter == self.iteration:
                die()

    def train_and_die(iteration: int, folder: Path) -> None:
        runner = build(tiny_config(folder))
        runner.register_hook(Kill(iteration))
        runner.train()

    for iteration in range(12):
        folder = tmp_path / str(iteration)
        code = in_a_process(train_and_die, iteration, folder)
        assert code == -signal.SIGKILL
        assert equal(weights(resume(folder)), whole[1])


TORN: dict[str, Callable[[Path], Any]] = {
    'nothing': lambda _: None,
    'no_pointer': lambda folder: (folder / 'last_checkpoint').unlink(),
    'empty_pointer': lambda folder: (folder / 'last_checkpoint').write_text(
        ''
    ),
    'cut_pointer': lambda folder: (folder / 'last_checkpoint').write_text(
        str(folder / 'epo')
    ),
    'pointer_to_the_folder': lambda folder: (
        folder / 'last_checkpoint'
    ).write_text(f'{folder}/'),
    'long_pointer': lambda folder: (folder / 'last_checkpoint').write_text(
        'x' * 5000
    ),
    'bytes_for_a_pointer': lambda folder: (
        folder / 'last_checkpoint'
    ).write_bytes(b'\0\xff\0'),
    'moved': lambda folder: (folder / 'last_checkpoint').write_text(
        f'/nowhere/{NAMES[1]}'
    ),
    'empty': lambda folder: (folder / NAMES[1]).write_bytes(b''),
    'gone': lambda folder: (folder / NAMES[1]).unlink(),
    'half': lambda folder: (folder / NAMES[1]).write_bytes(
        (folder / NAMES[1]).read_bytes()[:3000]
    ),
    'text': lambda folder: (folder / NAMES[1]).write_text('no weights'),
    'a_bit': lambda folder: flip(folder / NAMES[1]),
    'weights_alone': lambda folder: torch.save(
        {'state_dict': Net().state_dict()}, folder / NAMES[1]
    ),
    'another_model': lambda folder: change(
        folder / NAMES[1], state_dict=Net(5).state_dict()
    ),
    'other_keys': lambda folder: change(
        folder / NAMES[1], state_dict={'a.weight': torch.zeros(2)}
    ),
    'no_iteration': lambda folder: change(folder / NAMES[1], meta={}),
}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    with ZipFile(path) as file:  # not in what lies between its records
        largest = max(file.infolist(), key=lambda record: record.file_size)
        place = content.index(file.read(largest))
    content[place + largest.file_size // 2] ^= 1
    path.write_bytes(content)


def change(path: Path, **entries: Any) -> None:
    content = torch.load(path, weights_only=True)
    torch.save({**content, **entries}, path)


@pytest.mark.parametrize('torn', list(TORN))
def test_the_newest_whole_one_is_taken(
    torn: str, folder: Path, whole: Any
) -> None:
    TORN[torn](folder)
    runner = resume(folder)
    assert equal(weights(runner), whole[1])
    last = (folder / 'last_checkpoint').read_text()
    assert last == str(folder / NAMES[2])
    # Of whole epochs no more is done again than is lost.
    assert runner.iter == 12
    log = ''.join(path.read_text() for path in folder.glob('*/*.log'))
    assert ('going on from' in log) == (torn != 'nothing')
    good = NAMES[1] if 'pointer' in torn or torn in ('moved',) else NAMES[0]
    if torn != 'nothing':
        assert f'going on from {folder / good}' in log
    if good == NAMES[0] and torn not in ('nothing', 'gone'):
        assert f'left out: {folder / NAMES[1]}' in log


@pytest.mark.parametrize('torn', ['half', 'text', 'another_model'])
def test_nothing_whole_is_an_error_with_a_way_on(
    torn: str, folder: Path
) -> None:
    TORN[torn](folder)
    (folder / NAMES[0]).write_bytes(b'')
    before = {path: path.read_bytes() for path in folder.glob('*.pth')}
    with pytest.raises(ValueError, match='no checkpoint to resume') as error:
        resume(folder)
    assert all(str(path) in str(error.value) for path in before)
    assert '--work-dir' in str(error.value)
    assert before == {p: p.read_bytes() for p in folder.glob('*.pth')}


def test_a_pointer_without_any_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / 'last_checkpoint').write_text('gone/epoch_4.pth')
    with pytest.raises(ValueError, match=r'gone/epoch_4\.pth'):
        resume(tmp_path)


def test_nothing_to_resume_begins(tmp_path: Path, whole: Any) -> None:
    assert equal(weights(resume(tmp_path)), whole[1])


def test_a_named_file_is_taken_or_refused(folder: Path, whole: Any) -> None:
    first, second = folder / NAMES[0], folder / NAMES[1]
    second.write_bytes(second.read_bytes()[:3000])
    match = f"can't resume from {second}[^\n]*\n[^\n]*{NAMES[0]}"
    with pytest.raises(ValueError, match=match):
        resume(folder, load_from=str(second))
    # Weights alone.
    with pytest.raises(ValueError, match=f'load_from: {second}'):
        train(tiny_config(folder, load_from=str(second)))
    assert equal(weights(resume(folder, load_from=str(first))), whole[1])


def test_the_state_of_another_optimizer_is_refused(folder: Path) -> None:
    sgd = {'optimizer': {'type': 'SGD', 'lr': 0.1}}
    with pytest.raises(ValueError, match=r"has SGD.* no \[.*'momentum'"):
        resume(folder, optim_wrapper=sgd)


def test_the_seed_is_that_of_the_training(tmp_path: Path) -> None:
    """Where none is set, MMEngine draws one for each process."""
    changes: dict[str, Any] = {'randomness': {'seed': None}}
    config = tiny_config(tmp_path / 'a', **changes)
    config['default_hooks']['checkpoint']['max_keep_ckpts'] = 3
    runner = train(config)
    (tmp_path / 'a' / NAMES[2]).unlink()
    again = resume(tmp_path / 'a', **changes)
    assert again.seed == runner.seed
    assert equal(weights(again), weights(runner))


def test_in_the_middle_of_an_epoch(tmp_path: Path, whole: Any) -> None:
    config = tiny_config(tmp_path)
    hook = config['default_hooks']['checkpoint']
    hook.update(by_epoch=False, interval=3, max_keep_ckpts=-1)
    train(config)
    for iteration in (3, 6, 9):  # of four in an epoch
        path = str(tmp_path / f'iter_{iteration}.pth')
        runner = train(tiny_config(tmp_path, resume=True, load_from=path))
        assert runner.iter == 12
        assert equal(weights(runner), whole[1])


def test_a_full_disk_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(_self: Any, obj: bytes, filepath: str) -> None:
        Path(filepath).write_bytes(obj[:100])
        raise OSError(errno.ENOSPC, 'No space left on device')

    before = sorted(folder.glob('*.pth'))
    monkeypatch.setattr(LocalBackend, 'put', put)
    with pytest.raises(OSError, match=r"epoch_3\.pth can't be written"):
        resume(folder)
    assert sorted(folder.glob('*.pth')) == before
    assert not list(folder.glob('.*.part'))


def test_the_best_one_stays_until_the_next_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(tmp_path)
    config['default_hooks']['checkpoint'].update(save_best='acc')
    config['train_cfg']['max_epochs'] = 1
    runner = train(config)
    (hook,) = (
        h
        for h in runner.hooks
        if isinstance(h, checkpoint_hook.CheckpointHook)
    )
    hook.after_val_epoch(runner, {'acc': 0.1})
    first = Path(hook.best_ckpt_path)
    runner.train_loop._epoch = 2
    hook.after_val_epoch(runner, {'acc': 0.2})
    second = Path(hook.best_ckpt_path)
    assert (first.exists(), second.exists()) == (False, True)
    monkeypatch.setattr(checkpoint_hook, '_replace', full)
    runner.train_loop._epoch = 3
    with pytest.raises(OSError, match='best_acc_epoch_3'):
        hook.after_val_epoch(runner, {'acc': 0.3})
    assert second.exists()


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, 'No space left on device')


def test_hooks_of_the_config_win(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    ours = {type(hook).__name__ for hook in build(config).hooks}
    assert 'NonFiniteHook' in ours
    config['default_hooks'].update(
        checkpoint={'type': 'mmengine.CheckpointHook'}, non_finite=None
    )
    hooks = build(config).hooks
    assert not any(
        type(hook).__module__.startswith('uniformer_mm') for hook in hooks
    )
