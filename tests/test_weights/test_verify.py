"""Nothing wrong gets, or has, the name of what was asked for."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.weight_files import packed
from tests.support.weight_server import CONTENT, SHA256, Server, files
from uniformer_mm import UniFormerLight
from uniformer_mm.weights import http
from uniformer_mm.weights.fetch import fetch
from uniformer_mm.weights.zoo import ZOO

pytestmark = pytest.mark.usefixtures('cache')


@pytest.mark.parametrize('fact', ['sha256', 'size'])
def test_another_file_than_catalogued(
    server: Server,
    entry: str,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    fact: str,
) -> None:
    wrong = {'sha256': SHA256[:8], 'size': len(CONTENT)}
    monkeypatch.setitem(ZOO, entry, replace(ZOO[entry], **wrong))
    server.content = b'x' if fact == 'size' else CONTENT[::-1]
    got = '1' if fact == 'size' else hashlib.sha256(CONTENT[::-1]).hexdigest()
    expected = (
        f'{len(CONTENT)} bytes' if fact == 'size' else f'sha256 {SHA256[:8]}'
    )
    with pytest.raises(
        ValueError, match=f'was removed: .*{expected}, got {got}'
    ):
        fetch(entry)
    assert files(cache) == []
    # Nor is it believed where it lies.
    (cache / 'model-12345678.pth').write_bytes(server.content)
    with pytest.raises(
        ValueError, match=f'remove .*12345678.pth: .*got {got}'
    ):
        fetch(entry)
    assert len(server.requests) == 1


@pytest.mark.parametrize('known', [True, False])
@pytest.mark.parametrize(
    ('content', 'facts', 'match'),
    [
        (b'', {}, r'is empty \(0 bytes\)'),
        (b'<html>Sign in</html>', {'kind': 'text/plain'}, 'is a web page'),
        (b'{"error": "rate limit"}', {}, 'neither torch.save nor'),
        (CONTENT, {'headers': {'Content-Encoding': 'gzip'}}, "as 'gzip'"),
        (CONTENT, {'cut': 200_000, 'length': False}, 'is cut off'),
        (CONTENT[:-400] + bytes(400), {}, 'is cut off, damaged'),
        (bytes(2_000_000), {}, r'has 2000000 bytes, expected \d+ at most'),
        (bytes(2_000_000), {'length': False}, r'has more than \d+ bytes'),
    ],
    ids=range(8),
)
def test_what_is_no_weight_file(
    server: Server,
    entry: str,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    facts: dict[str, object],
    match: str,
    known: bool,
) -> None:
    monkeypatch.setattr(http, 'LARGEST', 1_000_000)
    monkeypatch.setitem(ZOO, entry, replace(ZOO[entry], sha256=''))
    source = entry if known else f'{server.url}/b.pth'
    before = replace(server)
    server.content = content
    for name, value in facts.items():
        setattr(server, name, value)
    with pytest.raises((OSError, ValueError), match=match):
        fetch(source)
    assert files(cache) == []
    for name in ('content', 'kind', 'headers', 'cut', 'length'):
        setattr(server, name, getattr(before, name))
    assert fetch(source).read_bytes() == CONTENT


def test_a_size_that_is_known(
    server: Server, entry: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ZOO, entry, replace(ZOO[entry], size=len(CONTENT)))
    server.content = CONTENT + b'.'
    with pytest.raises(OSError, match=f'expected {len(CONTENT)} at most'):
        fetch(entry)
    assert files(cache) == []


def test_another_model_under_a_known_name(
    server: Server, entry: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a mirror may send it: the catalogue has no hash of most files."""
    fake = replace(ZOO[entry], sha256='', arch='base', task='backbone')
    monkeypatch.setitem(ZOO, entry, fake)
    with torch.device('meta'):
        other = UniFormerLight('xxs').state_dict()
    state = {key: torch.zeros(value.shape) for key, value in other.items()}
    server.content = packed(state)
    with pytest.raises(ValueError, match=f'it is not {entry}: arch is xxs'):
        fetch(entry)
    assert files(cache) == []
