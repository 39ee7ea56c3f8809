from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.logging.history_buffer import HistoryBuffer

from tests.support.installs import RunPython
from uniformer_mm.compat.checkpoints import (
    allow_mmengine_checkpoints,
    only_buffer_methods,
)

pytestmark = pytest.mark.skipif(
    torch.__version__ < '2.6', reason='torch.load is unrestricted here'
)


@pytest.fixture(autouse=True)
def _only_torchs_own_list() -> Iterator[None]:
    """Undo, for a while, what importing our package has allowed."""
    saved = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(saved)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write in small what ``Runner.save_checkpoint`` writes."""
    hub = MessageHub('test_checkpoints')
    for loss in (4.0, 2.0, 3.0):
        hub.update_scalar('train/loss', loss)
    hub.update_info('best', np.float64(0.5))
    checkpoint = {
        'meta': {
            'epoch': 1,
            'seed': np.int64(7),
            'dataset_meta': {
                'classes': ('cat', 'dog'),
                'sigmas': np.array([0.25, 0.5], dtype=np.float32),
                'visible': np.array([True, False]),
            },
        },
        'state_dict': {'weight': torch.arange(3.0)},
        'message_hub': hub.state_dict(),
    }
    torch.save(checkpoint, tmp_path / 'epoch_1.pth')
    return tmp_path / 'epoch_1.pth'


def rename_numpy(file: Path, core: str) -> None:
    """Let the pickle name NumPy's helpers as another version of NumPy does."""
    with zipfile.ZipFile(file) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, 'w') as archive:
        for name, data in records.items():
            for old in (b'cnumpy.core.', b'cnumpy._core.'):
                data = data.replace(old, f'c{core}.'.encode())
            archive.writestr(name, data)
    with zipfile.ZipFile(file) as archive:
        pickled = archive.read(f'{file.stem}/data.pkl')
    assert f'c{core}.multiarray\n_reconstruct'.encode() in pickled
    assert f'c{core}.multiarray\nscalar'.encode() in pickled


def load(file: Path) -> Any:
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize('core', ['numpy.core', 'numpy._core'])
def test_a_runner_checkpoint_loads(file: Path, core: str) -> None:
    rename_numpy(file, core)
    with pytest.raises(pickle.UnpicklingError, match='Weights only'):
        load(file)
    allow_mmengine_checkpoints()
    checkpoint = load(file)
    assert checkpoint['state_dict']['weight'].tolist() == [0, 1, 2]
    meta = checkpoint['meta']
    assert meta['seed'] == 7
    assert isinstance(meta['seed'], np.int64)
    assert meta['dataset_meta']['sigmas'].dtype == np.float32
    assert meta['dataset_meta']['sigmas'].tolist() == [0.25, 0.5]
    assert meta['dataset_meta']['visible'].tolist() == [True, False]
    hub = checkpoint['message_hub']
    assert hub['runtime_info']['best'] == 0.5
    buffer = hub['log_scalars']['train/loss']
    assert buffer.data[0].tolist() == [4, 2, 3]
    statistics = ('min', 'max', 'mean', 'current')
    assert [buffer.statistics(s) for s in statistics] == [2, 4, 3, 3]


@pytest.mark.parametrize(
    'code', '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat']
)
def test_arrays_and_scalars_of_every_plain_type(
    tmp_path: Path, code: str
) -> None:
    array = np.array([[0, 1], [1, 0]], dtype=code)
    torch.save([array, array[0, 1]], tmp_path / 'values.pth')
    allow_mmengine_checkpoints()
    loaded, scalar = load(tmp_path / 'values.pth')
    assert loaded.dtype == array.dtype
    assert loaded.tolist() == array.tolist()
    assert scalar == array[0, 1]


def test_calling_twice_changes_nothing() -> None:
    allow_mmengine_checkpoints()
    once = set(torch.serialization.get_safe_globals())
    allow_mmengine_checkpoints()
    assert set(torch.serialization.get_safe_globals()) == once


def test_importing_the_package_is_enough(
    run_python: RunPython, file: Path
) -> None:
    code = f'import torch; torch.load({str(file)!r})'
    done = run_python('-c', code)
    assert done.returncode == 1
    assert 'Weights only load failed' in done.stderr
    done = run_python('-c', f'import uniformer_mm; {code}')
    assert done.returncode == 0, done.stderr


class Reduced:
    """Pickles as a call of ``function`` with ``args``."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def test_a_pickle_that_runs_a_command_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / 'victim'
    hostile = Reduced(os.system, f'touch {victim}')
    torch.save({'state_dict': hostile}, tmp_path / 'hostile.pth')
    allow_mmengine_checkpoints()
    with pytest.raises(pickle.UnpicklingError, match='is blocked'):
        load(tmp_path / 'hostile.pth')
    assert not victim.exists()


@pytest.mark.parametrize(
    ('owner', 'name'),
    [
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, 'register_statistics'),
        (np.ndarray, 'tofile'),
        (np.ndarray, 'mean'),
    ],
)
def test_getattr_of_anything_else_is_refused(
    tmp_path: Path, owner: type, name: str
) -> None:
    hostile = Reduced(getattr, owner, name)
    torch.save({'state_dict': hostile}, tmp_path / 'hostile.pth')
    allow_mmengine_checkpoints()
    with pytest.raises(pickle.UnpicklingError, match='may use getattr only'):
        load(tmp_path / 'hostile.pth')


def test_a_call_of_what_getattr_returned_is_refused(tmp_path: Path) -> None:
    hostile = Reduced(HistoryBuffer.mean, HistoryBuffer([1.0], [1]))
    torch.save({'state_dict': hostile}, tmp_path / 'hostile.pth')
    allow_mmengine_checkpoints()
    with pytest.raises(pickle.UnpicklingError, match='unrecognized function'):
        load(tmp_path / 'hostile.pth')


RECONSTRUCT = np.zeros(1).__reduce__()[0]
OBJECTS = Reduced(np.dtype, 'O8', False, True)
# A type of numbers whose flags say that they are objects.
FORGED = Reduced(np.dtype, 'f8', False, True)
FORGED.call = (*FORGED.call, (3, '<', None, None, None, -1, -1, 63))


@pytest.mark.parametrize(
    'hostile',
    [
        Reduced(np.ndarray, (9,)),
        Reduced(RECONSTRUCT, np.ndarray, (9,), b'b'),
        Reduced(RECONSTRUCT, np.ndarray, (0,), b'O'),
        Reduced(RECONSTRUCT, list, (0,), b'b'),
        OBJECTS,
        Reduced(np.dtype, 'V8'),
        Reduced(np.dtype, [('a', 'f8')]),
        Reduced(np.float64(0).__reduce__()[0], OBJECTS, b'12345678'),
        type(np.dtype('f8')),
    ],
    ids=range(9),
)
def test_numpy_gives_values_of_the_file_alone(
    tmp_path: Path, hostile: Any
) -> None:
    torch.save({'state_dict': hostile}, tmp_path / 'hostile.pth')
    allow_mmengine_checkpoints()
    with pytest.raises((pickle.UnpicklingError, TypeError)):
        load(tmp_path / 'hostile.pth')


def test_flags_of_a_type_are_not_taken_from_a_file(tmp_path: Path) -> None:
    torch.save([FORGED], tmp_path / 'forged.pth')
    allow_mmengine_checkpoints()
    (dtype,) = load(tmp_path / 'forged.pth')
    assert dtype is np.dtype('f8')
    assert not dtype.hasobject


def test_only_buffer_methods_compares_identities() -> None:
    assert only_buffer_methods(HistoryBuffer, 'mean') is HistoryBuffer.mean
    with pytest.raises(
        pickle.UnpicklingError, match=r"'mean' of <class '.*Fake'>"
    ):
        only_buffer_methods(type('Fake', (HistoryBuffer,), {}), 'mean')
