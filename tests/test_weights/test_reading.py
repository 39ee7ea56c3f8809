"""Reading weight files."""

from __future__ import annotations

import argparse
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.support.weight_files import (
    ARGS,
    AVERAGED,
    BOTH_FORMATS,
    LEGACY,
    OFFICIAL,
    WEIGHTS,
    Hostile,
    Other,
    as_nobody,
    packed,
    refused,
    same,
)
from uniformer_mm.weights.archive import LEGACY as MAGIC
from uniformer_mm.weights.files import (
    WeightFileError,
    read_weights,
    write_weights,
)


@BOTH_FORMATS
@pytest.mark.parametrize('kind', OFFICIAL)
def test_official_kinds(
    save: Callable[..., Path], kind: str, options: dict[str, Any]
) -> None:
    content, raw, averaged = OFFICIAL[kind]
    path = save(content, **options)
    file = read_weights(str(path))
    assert (file.path, file.wrapper) == (path, raw)
    assert same(file.state, WEIGHTS)
    assert all(type(value) is Tensor for value in file.state.values())
    assert file.meta == content.get('meta', {})
    if averaged is None:
        refused(path, 'no averaged weights.*but .*ema=False', ema=True)
    else:
        file = read_weights(path, ema=True)
        assert file.wrapper == averaged
        assert same(file.state, AVERAGED)


def test_files_of_mmengine(save: Callable[..., Path]) -> None:
    meta = {'epoch': 3, 'seed': np.int64(3), 'sigmas': np.ones(2)}
    read = read_weights(save({'state_dict': WEIGHTS, 'meta': meta})).meta
    assert read['epoch'] == 3
    # What is no plain data is not made, and says what it would be.
    names = [read[key].name.rpartition('.')[2] for key in ('seed', 'sigmas')]
    assert names == ['scalar', '_reconstruct']


def test_meta_that_is_no_dict_is_left_out(save: Callable[..., Path]) -> None:
    assert read_weights(save({'model': WEIGHTS, 'meta': 'text'})).meta == {}


def test_a_tensor_called_model_is_a_weight(save: Callable[..., Path]) -> None:
    state = {'model': torch.ones(2), 'meta': torch.ones(1)}
    file = read_weights(save(state))
    assert file.wrapper == 'bare'
    assert file.meta == {}
    assert same(file.state, state)


@pytest.mark.parametrize('name', ['weights.bin', 'weights.safetensors', 'w'])
def test_content_decides_not_the_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(packed({'model': WEIGHTS}))
    assert same(read_weights(tmp_path / name).state, WEIGHTS)


def test_archive_without_checksums(save: Callable[..., Path]) -> None:
    if not hasattr(torch.serialization, 'set_crc32_options'):
        pytest.skip('torch always writes them here')
    torch.serialization.set_crc32_options(False)
    try:
        path = save(WEIGHTS)
    finally:
        torch.serialization.set_crc32_options(True)
    file = read_weights(path)
    assert same(file.state, WEIGHTS)
    assert not file.checked


# --- refusing files


def test_missing_file(path: Path) -> None:
    refused(path, 'does not exist; check the path')


def test_folder(tmp_path: Path) -> None:
    refused(tmp_path, 'is a folder; name one weight file')


def test_pipe(path: Path) -> None:
    os.mkfifo(path)
    refused(path, 'is not a plain file')


def test_no_permission(open_folder: Path) -> None:
    path = open_folder / 'weights.pth'
    write_weights(WEIGHTS, path)
    path.chmod(0)
    with as_nobody():
        refused(path, 'Permission denied; check that you may read it')


@pytest.mark.skipif(
    not Path('/proc/self/mem').exists(), reason='a file that fails when read'
)
def test_failing_disk() -> None:
    with pytest.raises(WeightFileError, match=r"mem can't be read: .*error"):
        read_weights('/proc/self/mem')


@pytest.mark.parametrize(
    ('content', 'match'),
    [
        (b'', r'is empty \(0 bytes\): the download failed'),
        (b'<!DOCTYPE html><html>', 'is a web page, not weights: the download'),
        (
            b'\xef\xbb\xbf\n <html lang="en">',
            'needs a browser or another link',
        ),
        (b'<html a={b}>' + b' ' * 900, 'is a web page'),
        (b'version https://git-lfs.github.com/spec/v1', 'git lfs pull'),
        (b'{"error": "rate limit"}', r'neither torch.save nor safetensors'),
        (b'\x1f\x8b\x08', 'neither torch.save nor safetensors'),
        (packed(WEIGHTS)[:-30], 'is cut off, damaged .*; fetch it again'),
        (packed(WEIGHTS)[:100], 'is cut off, damaged'),
    ],
)
def test_not_weights(path: Path, content: bytes, match: str) -> None:
    path.write_bytes(content)
    refused(path, match)


def test_legacy_file_cut_off_anywhere(path: Path) -> None:
    whole = packed({'model': WEIGHTS}, **LEGACY)
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        refused(path, 'is cut off(, damaged)? or|neither torch.save nor')


def test_archive_of_something_else(path: Path) -> None:
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('upernet/weights.pth', b'...')
    refused(path, r"zip archive of 'upernet/weights.pth', not .* unpack it")


def test_damaged_archive(save: Callable[..., Path]) -> None:
    path = save({'w': torch.full((64,), 3.0)})
    content = bytearray(path.read_bytes())
    content[content.index(torch.full((9,), 3.0).numpy().tobytes())] ^= 1
    path.write_bytes(content)
    refused(
        path, r"is damaged \(Bad CRC-32 for file '.*data/0'\); fetch it again"
    )


def test_torchscript(path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Identity()), path)
    refused(path, 'is a TorchScript program, not weights. If you trust')


def test_tar_under_the_magic_of_the_legacy_format(path: Path) -> None:
    member = tarfile.TarInfo(MAGIC.decode('latin-1'))
    options: Any = {'format': tarfile.USTAR_FORMAT, 'encoding': 'latin-1'}
    with tarfile.open(path, 'w', **options) as archive:
        archive.addfile(member)
    assert path.read_bytes().startswith(MAGIC)
    refused(path, 'is a tar archive; if a weight file is inside, unpack it')


@BOTH_FORMATS
@pytest.mark.parametrize('force', ['0', '1'])
def test_hostile_pickle_is_not_executed(
    save: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    force: str,
) -> None:
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', force)
    mark = tmp_path / 'mark'
    path = save({'model': WEIGHTS, 'args': Hostile(mark)}, **options)
    message = refused(path, r'holds more than .*: (posix|nt)\.system\.')
    assert 'throw-away environment that has no network' in message
    assert "torch.save({'state_dict': {k: v" in message
    assert not mark.exists()
    # The file is as hostile as it is meant to be.
    torch.load(path, weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize('protocol', [2, 4, 5])
def test_plain_pickle(path: Path, tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / 'mark'
    path.write_bytes(pickle.dumps(Hostile(mark), protocol))
    refused(path, 'is a pickle that neither .* was not opened. If you trust')
    assert not mark.exists()


@BOTH_FORMATS
def test_types_beyond_the_list_are_named(
    save: Callable[..., Path], options: dict[str, Any]
) -> None:
    args = argparse.Namespace(other=Other())
    path = save({'model': WEIGHTS, 'args': args}, **options)
    message = refused(path, r'plain data: [\w.]*weight_files\.Other')
    assert 'Namespace' not in message


def test_every_type_is_named(save: Callable[..., Path]) -> None:
    path = save({'model': WEIGHTS, 'a': Other(), 'b': Path('x')})
    message = refused(path, 'holds more than tensors')
    assert 'Other' in message
    assert 'Path' in message


def test_unusual_pickle_protocol(save: Callable[..., Path]) -> None:
    path = save({'model': WEIGHTS}, pickle_protocol=4)
    refused(path, r'of an unusual format \(unknown instruction PROTO\)')


@pytest.mark.parametrize('allowed', [[], [argparse.Namespace]])
def test_torchs_list_is_left_as_it_was(
    save: Callable[..., Path], allowed: list[Any]
) -> None:
    before = torch.serialization.get_safe_globals()
    path = save({'model': WEIGHTS, 'args': ARGS})
    with torch.serialization.safe_globals(allowed):
        read_weights(path)
        after = torch.serialization.get_safe_globals()
    assert set(after) == {*before, *allowed}


def test_threads_do_not_disturb_each_other(save: Callable[..., Path]) -> None:
    path = save({'model': WEIGHTS, 'args': ARGS})
    before = torch.serialization.get_safe_globals()
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(read_weights, [path] * 100))
    assert all(same(file.state, WEIGHTS) for file in files)
    assert torch.serialization.get_safe_globals() == before


# --- refusing contents


@pytest.mark.parametrize(
    ('content', 'match'),
    [
        ([torch.ones(1)], 'holds a list, expected a dict'),
        ({}, r'none of the entries .*there are no weights in it \(empty\)'),
        ({'model': {}}, r"entry 'model': there are no weights in it"),
        ({'model': [1]}, "'model': expected a dict of tensors, got list"),
        ({'model': None}, "'model': expected a dict of tensors, got NoneType"),
        (
            {'model': WEIGHTS, 'state_dict': WEIGHTS},
            'several entries of weights .model, state_dict.; save the one',
        ),
        (
            {'model_ema': WEIGHTS, 'epoch': 1},
            'averaged weights only, model_ema; read it with ema=True',
        ),
        (
            {'net': WEIGHTS, 'epoch': 1, 'lr': [1.0], 'args': None},
            r'none of the entries model, state_dict, model_state: expected '
            r'tensors only, got net \(dict\), epoch \(int\), lr \(list\), '
            r'args \(NoneType\)',
        ),
        (
            {'state_dict': {**WEIGHTS, 'neck': {'w': torch.ones(1)}}},
            r"'state_dict': expected tensors only, got neck \(dict\)",
        ),
        ({'model': {0: torch.ones(1)}}, "'model': keys must be str, got 0"),
        ({1: torch.ones(1)}, 'keys must be str, got 1'),
        (
            {'w': torch.tensor([1.0, torch.nan]), 'b': torch.ones(1)},
            'NaN or infinite values in 1 of 2 tensors, w; the training',
        ),
        (
            {f'w{i}': torch.tensor([-torch.inf]).half() for i in range(9)},
            r'9 of 9 tensors, w0, w1, .*, w7 and 1 more; the training',
        ),
        (
            {'n.running_var': torch.tensor([1.0, -1e-9])},
            'a variance is 0 or more, .* negative ones in n.running_var',
        ),
        (
            {'a.weight': torch.ones(1).int(), 'bias': torch.tensor(True)},
            r'got a.weight \(torch.strided, torch.int32, cpu\), bias \(.*bool',
        ),
        (
            {**WEIGHTS, 'module.norm.weight': torch.ones(1)},
            r"holds both 'norm.weight' and 'module.norm.weight'",
        ),
        (
            {'w': torch.eye(2).to_sparse()},
            r'tensors only, got w \(torch._utils._rebuild_sparse_tensor',
        ),
        (
            {'w': torch.quantize_per_tensor(torch.eye(2), 1, 0, torch.qint8)},
            r'tensors only, got w \(torch._utils._rebuild_qtensor',
        ),
        (
            {'w': torch.empty(2, device='meta')},
            r'tensors only, got w \(torch._utils._rebuild_meta_tensor',
        ),
        (
            {'w': torch.ones(2).to(torch.float8_e4m3fn)},
            r'dense tensors .* got w \(.*float8_e4m3fn',
        ),
    ],
)
def test_contents_refused(
    save: Callable[..., Path], content: Any, match: str
) -> None:
    refused(save(content), match)


@pytest.mark.parametrize(
    'text',
    ['\x1b[2J', '\x1b]0;title\x07', '\u202e', '\x00', '\ud800', 'x' * 600],
    ids=range(6),
)
@pytest.mark.parametrize(
    ('content', 'ema'),
    [
        (lambda text: {text: torch.ones(1)}, None),
        (lambda text: {'state_dict': {f'a.{text}': torch.ones(1)}}, None),
        (lambda text: {text: {'w': torch.ones(1)}, 'epoch': 1}, None),
        (lambda text: {text: {text: {'w': torch.ones(1)}}}, None),
        (lambda text: {text: 1}, None),
        (lambda text: {'model': WEIGHTS, text: 1}, True),
        (lambda text: dict.fromkeys((f'{text}.b', f'ema_{text}_b')), False),
    ],
    ids=range(7),
)
def test_names_in_messages_are_safe_to_print(
    save: Callable[..., Path],
    content: Callable[[str], Any],
    ema: bool | None,
    text: str,
) -> None:
    message = refused(save(content(text)), 'weights.pth', ema=ema)
    assert message.isprintable()
    assert len(message) < 2000
