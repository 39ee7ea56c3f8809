"""Writing weight files; safetensors."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint
from torch import nn

from tests.support.weight_files import (
    PREFIXED,
    WEIGHTS,
    as_nobody,
    refused,
    same,
)
from uniformer_mm.weights.files import (
    WeightFileError,
    read_weights,
    write_weights,
)


@pytest.fixture(params=['weights.pth', 'weights.safetensors'])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param.endswith('.safetensors'):
        pytest.importorskip('safetensors')
    (tmp_path / 'folder').mkdir()
    return tmp_path / 'folder' / request.param


def not_written(target: Path, match: str, state: Any = None) -> None:
    """Write to ``target``, which fails and changes nothing."""
    before = {
        p: p.is_file() and p.read_bytes() for p in target.parent.glob('*')
    }
    with pytest.raises(WeightFileError, match=match) as caught:
        write_weights(WEIGHTS if state is None else state, target)
    assert str(target) in str(caught.value)
    after = {
        p: p.is_file() and p.read_bytes() for p in target.parent.glob('*')
    }
    assert after == before


def test_round_trip(target: Path) -> None:
    values = torch.tensor([[1.5, -2.0, 0.1], [3.0, 4.0, 5.0]])
    tied = torch.ones(4)
    state = {
        'half': values.half(),
        'bfloat': values.bfloat16(),
        'float': values,
        'transposed': values.t(),
        'channels_last': torch.rand(2, 3, 4, 4).to(
            memory_format=torch.channels_last
        ),
        'part': torch.arange(1_000_000)[5:8],
        'tied': tied,
        'tied_too': tied,
        'flag': torch.tensor([True, False]),
        'count': torch.tensor(2**40),
        'none': torch.zeros(0, 3),
        'parameter': nn.Parameter(values),
    }
    meta = {'epoch': 3, 'lr': 1e-4, 'names': ['a', None, True, {'b': []}]}
    write_weights(state, target, meta=meta)
    file = read_weights(target)
    assert same(file.state, {key: state[key] for key in file.state})
    assert set(file.state) == set(state)
    assert all(value.is_contiguous() for value in file.state.values())
    assert file.meta == meta
    # A view is written without the memory around it.
    assert target.stat().st_size < 20_000
    assert [p.name for p in target.parent.iterdir()] == [target.name]


def test_no_meta(target: Path) -> None:
    write_weights(WEIGHTS, target)
    assert read_weights(target).meta == {}


def test_written_file_loads_in_mmengine(path: Path) -> None:
    model = nn.Linear(3, 2)
    state = {'weight': torch.eye(2, 3), 'bias': torch.ones(2)}
    write_weights(state, path, meta={'epoch': 1})
    loaded = load_checkpoint(model, str(path), strict=True)
    assert torch.equal(model.weight, state['weight'])
    assert loaded['meta'] == {'epoch': 1}


def test_replaces_a_file_with_usual_permissions(target: Path) -> None:
    target.write_bytes(b'old')
    plain = target.with_name('plain')
    plain.touch()
    write_weights(WEIGHTS, target)
    assert target.stat().st_mode == plain.stat().st_mode
    assert same(
        dict(sorted(read_weights(target).state.items())),
        dict(sorted(WEIGHTS.items())),
    )


@pytest.mark.parametrize('mode', [0o600, 0o640, 0o755])
def test_keeps_the_permissions_of_what_it_replaces(
    target: Path, mode: int
) -> None:
    target.write_bytes(b'old')
    target.chmod(mode)
    write_weights(WEIGHTS, target)
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert read_weights(target).checked


def test_a_pipe_is_not_replaced(target: Path) -> None:
    os.mkfifo(target)
    not_written(target, 'is not a plain file, which is not replaced')
    assert target.is_fifo()


def test_writes_through_a_link(target: Path, tmp_path: Path) -> None:
    target.symlink_to(tmp_path / 'real')
    write_weights(WEIGHTS, target)
    assert target.is_symlink()
    assert (tmp_path / 'real').stat().st_size > 0


@pytest.mark.parametrize(
    ('state', 'match'),
    [
        ({}, r'there are no weights in it \(empty\)'),
        ([], 'expected a dict of tensors, got list'),
        ({'w': [1.0]}, r'expected tensors only, got w \(list\)'),
        ({0: torch.ones(1)}, 'keys must be str, got 0'),
        (
            {'w': torch.tensor([torch.nan])},
            'NaN or infinite values in 1 of 1 tensors',
        ),
    ],
)
def test_state_refused(target: Path, state: Any, match: str) -> None:
    target.write_bytes(b'old')
    not_written(target, f'state for .*: {match}', state)


@pytest.mark.parametrize(
    ('meta', 'match'),
    [
        ({'a': {'b': [1, (2, 3)]}}, r"^meta\['a'\]\['b'\]\[1\] must be plain"),
        ({'a': np.float64(1)}, r"meta\['a'\] must .* got float64"),
        ({'a': torch.ones(1)}, 'got Tensor'),
        ({1: 'a'}, 'keys of meta must be str, got 1'),
    ],
)
def test_meta_refused(target: Path, meta: Any, match: str) -> None:
    with pytest.raises(TypeError, match=match):
        write_weights(WEIGHTS, target, meta=meta)
    assert not list(target.parent.iterdir())


def test_folder_in_the_way(target: Path) -> None:
    target.mkdir()
    not_written(target, 'is a folder, which is not replaced; name another')


def test_folder_missing(target: Path) -> None:
    target.parent.rmdir()
    not_written(target, 'No such file or directory; .* a folder that exists')
    assert not target.parent.exists()


def test_file_instead_of_a_folder(target: Path) -> None:
    target.parent.rmdir()
    target.parent.touch()
    not_written(target, 'Not a directory')


def test_folder_without_permission(open_folder: Path) -> None:
    (open_folder / 'mine').mkdir(mode=0o755)
    path = open_folder / 'mine' / 'weights.pth'
    write_weights(WEIGHTS, path)
    if os.geteuid() != 0:
        path.parent.chmod(0o555)
    with as_nobody():
        not_written(path, 'Permission denied; nothing was changed')


# A limit on the size of files stops a write half-way, as a full disk does, and
# needs no right to mount one.
SMALL_FILES_ONLY = """
import resource, signal, sys, torch
from uniformer_mm.weights.files import write_weights
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
for target in sys.argv[1:]:
    try:
        write_weights({'w': torch.rand(100_000)}, target)
    except ValueError as error:
        print(error)
"""


def test_write_that_stops_half_way(tmp_path: Path) -> None:
    names = ['new.pth', 'old.pth']
    with contextlib.suppress(ImportError):
        import safetensors  # noqa: F401

        names += ['new.safetensors', 'old.safetensors']
    for name in names:
        if name.startswith('old'):
            (tmp_path / name).write_bytes(b'old')
    before = sorted(tmp_path.iterdir())
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            SMALL_FILES_ONLY,
            *(tmp_path / n for n in names),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        f"{tmp_path / name} can't be written: File too large; nothing was "
        'changed. Choose a folder that exists, is yours to write in and has '
        'space'
        for name in names
    ]
    assert sorted(tmp_path.iterdir()) == before
    assert all(p.read_bytes() == b'old' for p in before)


def test_full_disk(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', tmp_path],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip('only root may mount a small disk')
    try:
        (tmp_path / 'weights.pth').write_bytes(b'old')
        not_written(
            tmp_path / 'weights.pth',
            "can't be written: No space left on device; nothing was changed",
            {'w': torch.rand(100_000)},
        )
    finally:
        subprocess.run(['umount', tmp_path], check=True)


def test_failure_while_syncing(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, 'Input/output error')

    target.write_bytes(b'old')
    monkeypatch.setattr(os, 'fsync', fail)
    not_written(target, "can't be written: Input/output error")


def test_interrupted_write_leaves_nothing(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, 'fsync', interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_weights(WEIGHTS, target)
    assert not list(target.parent.iterdir())


# --- safetensors


def test_safetensors_missing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'safetensors', None)
    monkeypatch.setitem(sys.modules, 'safetensors.torch', None)
    header = json.dumps({}).encode()
    path.write_bytes(len(header).to_bytes(8, 'little') + header)
    with pytest.raises(ImportError, match='pip install safetensors'):
        read_weights(path)
    with pytest.raises(ImportError, match='not installed: safetensors'):
        write_weights(WEIGHTS, path.with_suffix('.safetensors'))
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize('name', ['weights.safetensors', 'weights.pth'])
@pytest.mark.parametrize(
    'metadata', [None, {'format': 'pt'}, {'meta': 'free text'}, {'meta': '1'}]
)
def test_safetensors_of_others(
    tmp_path: Path, name: str, metadata: dict[str, str] | None
) -> None:
    st = pytest.importorskip('safetensors.torch')
    st.save_file(PREFIXED, tmp_path / name, metadata)
    file = read_weights(tmp_path / name)
    assert same(file.state, {key: WEIGHTS[key] for key in file.state})
    assert len(file.state) == len(WEIGHTS)
    assert (file.wrapper, file.meta) == ('bare', {})
    refused(tmp_path / name, 'no averaged weights', ema=True)


def test_safetensors_cut_off(path: Path) -> None:
    st = pytest.importorskip('safetensors.torch')
    whole = st.save(WEIGHTS)
    for size in (9, 40, len(whole) - 1):
        path.write_bytes(whole[:size])
        refused(path, 'is a safetensors file that is cut off or damaged')


def test_safetensors_with_another_digest(path: Path) -> None:
    st = pytest.importorskip('safetensors.torch')
    target = path.with_suffix('.safetensors')
    write_weights(WEIGHTS, target, meta={'head_dim': 32})
    with st.safe_open(target, 'pt') as file:
        metadata = file.metadata()
    assert read_weights(target).checked
    value = WEIGHTS['norm.weight'] + 1
    for state, change in (
        ({**WEIGHTS, 'norm.weight': value}, {}),
        ({**WEIGHTS, 'norm.weight': WEIGHTS['norm.weight'].t()}, {}),
        ({**WEIGHTS, 'more': value}, {}),
        (WEIGHTS, {'meta': '{"head_dim": 64}'}),
    ):
        kept = {key: item.contiguous() for key, item in state.items()}
        st.save_file(kept, target, {**metadata, **change})
        refused(target, r'damaged \(it does not match the digest in it\)')


def test_safetensors_contents_are_checked(path: Path) -> None:
    st = pytest.importorskip('safetensors.torch')
    path.write_bytes(st.save({'w': torch.tensor([torch.inf])}))
    refused(path, '1 of 1 tensors, w')
    path.write_bytes(st.save({}))
    refused(path, 'there are no weights in it')
