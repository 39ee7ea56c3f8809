"""Weight files of any bytes: the weights that were written, or a refusal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.support.fuzz import Count, assert_documented, bounded, examples
from uniformer_mm.weights.files import (
    WeightFile,
    read_weights,
    write_weights,
)

STATE = {
    'norm.weight': torch.linspace(0.5, 2, 7),
    'conv.weight': torch.arange(12.0).view(3, 2, 1, 2),
    'norm.num_batches_tracked': torch.tensor(3),
}


def saved(**options: Any) -> bytes:
    file = io.BytesIO()
    content = {'state_dict': STATE, 'meta': {'epoch': 3}}
    torch.save(content, file, **options)
    return file.getvalue()


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Kind -> a good file."""
    kinds = {
        'zip': saved(),
        'legacy': saved(_use_new_zipfile_serialization=False),
    }
    try:
        path = tmp_path_factory.mktemp('weights') / 'a.safetensors'
        write_weights(STATE, path)
        kinds['safetensors'] = path.read_bytes()
    except ImportError:  # an extra
        pass
    return kinds


def same(state: dict[str, Tensor]) -> bool:
    return state.keys() == STATE.keys() and all(
        torch.equal(state[name], tensor) for name, tensor in STATE.items()
    )


def read_or_refused(path: Path, content: bytes) -> WeightFile | None:
    path.write_bytes(content)
    with bounded():
        try:
            return read_weights(path)
        except ValueError as error:
            assert_documented(error, str(path))
            return None


@pytest.mark.parametrize('kind', ['zip', 'legacy', 'safetensors'])
def test_flipped_bits(
    kind: str, files: dict[str, bytes], tmp_path: Path, count: Count
) -> None:
    """What passes its checksums is what was written.

    The old format has none. One more flip can hide those of a safetensors
    file, which then counts as unchecked, and `inspect` says so.
    """
    if kind not in files:
        pytest.skip('needs safetensors')
    good = files[kind]
    path = tmp_path / 'a.pth'
    whole = read_or_refused(path, good)
    assert whole is not None
    assert same(whole.state)
    assert whole.checked is (kind != 'legacy')

    @examples(80)
    @given(
        st.lists(
            st.integers(0, 8 * len(good) - 1),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    def read(bits: list[int]) -> None:
        count()
        flipped = bytearray(good)
        for bit in bits:
            flipped[bit // 8] ^= 1 << bit % 8
        found = read_or_refused(path, bytes(flipped))
        must_be_right = kind != 'legacy' and len(bits) == 1
        if found is not None and (found.checked or must_be_right):
            assert same(found.state)

    read()


def test_cut_and_overwritten(
    files: dict[str, bytes], tmp_path: Path, count: Count
) -> None:
    path = tmp_path / 'a.pth'

    @examples(150)
    @given(
        st.sampled_from(sorted(files)),
        st.floats(0, 1),
        st.binary(max_size=16),
        st.booleans(),
    )
    def read(kind: str, place: float, new: bytes, cut: bool) -> None:
        count()
        content = bytearray(files[kind])
        at = int(place * len(content))
        content[at : at + len(new)] = new
        end = at + len(new) if cut else len(content)
        read_or_refused(path, bytes(content[:end]))

    read()


def test_bytes_of_any_kind(
    files: dict[str, bytes], tmp_path: Path, count: Count
) -> None:
    path = tmp_path / 'a.pth'
    starts = [content[:24] for content in files.values()]

    @examples(100)
    @given(st.sampled_from([*starts, b'', b'\x80\x02']), st.binary())
    def read(start: bytes, rest: bytes) -> None:
        count()
        assert read_or_refused(path, start + rest) is None

    read()
