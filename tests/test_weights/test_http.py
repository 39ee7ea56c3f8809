"""One transfer: continued, bounded, and whole or not there."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path
from urllib.request import Request

import pytest

from tests.support.weight_server import CONTENT, OTHER, Server, files
from uniformer_mm.weights import http
from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE, fetch
from uniformer_mm.weights.zoo import ZOO

pytestmark = pytest.mark.usefixtures('cache')


def test_the_bar_is_on_stderr(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(f'{server.url}/b.pth', progress=False)
    assert capsys.readouterr() == ('', '')
    fetch(f'{server.url}/c.pth')
    out, err = capsys.readouterr()
    assert out == ''
    assert 'c.pth' in err


def test_without_rich_it_is_logged(
    server: Server,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith('rich')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'rich', None)
    # Which needs rich.
    monkeypatch.setitem(sys.modules, 'mmengine.logging', None)
    caplog.set_level('INFO', 'uniformer_mm')
    fetch(f'{server.url}/b.pth', progress=False)
    assert not caplog.messages
    fetch(f'{server.url}/a.pth')
    assert caplog.messages == [f'downloading a.pth ({len(CONTENT)} bytes)']
    assert capsys.readouterr() == ('', '')


@pytest.mark.parametrize('ranges', [True, False])
def test_a_cut_connection_is_continued(
    server: Server, entry: str, cache: Path, ranges: bool
) -> None:
    server.cut, server.ranges = 100_000, ranges
    with pytest.raises(OSError, match=r'broke after 100000 of \d+ bytes'):
        fetch(entry)
    # With the version of which it is a part.
    assert re.fullmatch(
        r'\S+\.part \S+\.part\.version', ' '.join(files(cache))
    )
    server.cut = 0
    assert fetch(entry).read_bytes() == CONTENT
    assert files(cache) == ['model-12345678.pth']
    assert server.requests[1][1] == 'bytes=100000-'


def test_a_server_that_lies_about_the_range(
    server: Server, entry: str, cache: Path
) -> None:
    server.cut, server.lie = 100_000, True
    with pytest.raises(OSError, match='broke'):
        fetch(entry)
    server.cut = 0
    with pytest.raises(OSError, match='continues elsewhere'):
        fetch(entry)
    assert files(cache) == []
    assert fetch(entry).read_bytes() == CONTENT


@pytest.mark.parametrize(
    'span',
    [
        'bytes 0-99/{total}',
        'bytes 0-99/*',
        'bytes 1-100/{total}',
        'bytes */{total}',
        'items 0-99/100',
        '',
    ],
)
def test_a_part_that_was_not_asked_for(
    span: str, server: Server, cache: Path
) -> None:
    """It is no whole file, though its length is as told."""
    server.span = span.format(total=len(CONTENT)) or ' '
    server.cut = 100
    with pytest.raises(OSError, match='continues elsewhere'):
        fetch(f'{server.url}/b.pth', progress=False)
    assert files(cache) == []
    server.span, server.cut = '', 0
    assert fetch(f'{server.url}/b.pth').read_bytes() == CONTENT


def test_a_file_that_became_shorter(
    server: Server, entry: str, cache: Path
) -> None:
    server.content, server.cut = CONTENT * 2, len(CONTENT) + 1
    with pytest.raises(OSError, match='broke'):
        fetch(entry)
    server.content, server.cut = CONTENT, 0
    assert fetch(entry).read_bytes() == CONTENT
    assert [asked for _, asked in server.requests][1:] == [
        f'bytes={len(CONTENT) + 1}-',
        '',
    ]
    assert len(files(cache)) == 1


@pytest.mark.parametrize('known', [True, False])
def test_http_errors(
    server: Server, entry: str, cache: Path, known: bool
) -> None:
    server.status = 404
    source = entry if known else f'{server.url}/b.pth'
    with pytest.raises(OSError, match='404') as error:
        fetch(source)
    text = str(error.value)
    assert f'{server.url}/' in text
    assert WEIGHTS_VARIABLE in text
    assert (ZOO[entry].source if known else source) in text
    assert files(cache) == []


def test_no_connection(cache: Path) -> None:
    with pytest.raises(OSError, match=r'127\.0\.0\.1:1/a\.pth.*refused'):
        fetch('http://127.0.0.1:1/a.pth')
    assert files(cache) == []


def test_a_web_page_is_no_file(
    server: Server, entry: str, cache: Path
) -> None:
    server.kind = 'text/html; charset=utf-8'
    with pytest.raises(OSError, match='web page'):
        fetch(entry)
    assert files(cache) == []


def test_a_mirror_does_not_continue_the_file_of_another_host(
    server: Server, entry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cut = 1000
    with pytest.raises(OSError, match='broke'):
        fetch(entry)
    server.cut = 0
    monkeypatch.setenv(WEIGHTS_VARIABLE, f'{server.url}/m')
    fetch(entry)
    assert server.requests[1] == ('/a/m/model-12345678.pth', '')


@pytest.mark.parametrize(
    'headers',
    [
        ({'ETag': '"1"'}, {'ETag': '"2"'}),
        (
            {'Last-Modified': 'Mon, 01 Jan 2024 00:00:00 GMT'},
            {'Last-Modified': 'Mon, 01 Jan 2024 00:00:01 GMT'},
        ),
        ({'ETag': 'W/"1"'}, {'ETag': 'W/"1"'}),
        ({}, {}),
    ],
    ids=range(4),
)
@pytest.mark.parametrize('ranges', [True, False])
def test_a_file_that_changed_is_not_continued(
    server: Server, headers: tuple[dict[str, str], ...], ranges: bool
) -> None:
    source = f'{server.url}/a.pth'
    server.ranges, server.cut = ranges, 100_000
    server.headers = headers[0]
    with pytest.raises(OSError, match='broke'):
        fetch(source)
    server.content, server.cut, server.headers = OTHER, 0, headers[1]
    path = fetch(source)
    assert path.read_bytes() == OTHER
    assert files(path.parent) == [path.name]


def test_a_file_is_continued_by_its_date(server: Server) -> None:
    server.headers = {'Last-Modified': 'Mon, 01 Jan 2024 00:00:00 GMT'}
    server.cut = 100_000
    with pytest.raises(OSError, match='broke'):
        fetch(f'{server.url}/a.pth')
    server.cut = 0
    assert fetch(f'{server.url}/a.pth').read_bytes() == CONTENT
    assert server.requests[1][1] == 'bytes=100000-'


@pytest.mark.parametrize(
    'to', ['ftp://127.0.0.1:1/a.pth', 'file:///etc/passwd', 'data:,a']
)
def test_redirections_elsewhere(server: Server, to: str) -> None:
    server.to = to
    with pytest.raises(OSError, match=r'not followed|not allowed'):
        fetch(f'{server.url}/a.pth')


def test_redirections(server: Server) -> None:
    server.to = server.url.replace('/a', '/there/b.pth')
    assert fetch(f'{server.url}/a.pth').read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == [
        '/a/a.pth',
        '/there/b.pth',
    ]
    # From https only to https.
    handler = http.SafeRedirects()
    for start, end, allowed in (
        ('https', 'http', False),
        ('https', 'https', True),
        ('http', 'https', True),
    ):
        with (
            contextlib.nullcontext()
            if allowed
            else pytest.raises(OSError, match='from https on to http')
        ):
            first = Request(f'{start}://host/a')
            new = handler.redirect_request(
                first, None, 302, '', {}, f'{end}://host/b'
            )
            assert new.full_url == f'{end}://host/b'


@pytest.mark.parametrize('kind', ['symbolic', 'hard', 'pipe'])
def test_a_part_of_somebody_else(
    server: Server, entry: str, tmp_path: Path, cache: Path, kind: str
) -> None:
    server.cut = 1000
    with pytest.raises(OSError, match='broke'):
        fetch(entry)
    server.cut = 0
    (part,) = cache.glob('*.part')
    part.unlink()
    victim = tmp_path / 'victim'
    victim.write_bytes(b'mine')
    if kind == 'symbolic':
        part.symlink_to(victim)
    elif kind == 'hard':
        part.hardlink_to(victim)
    else:
        os.mkfifo(part)
    with pytest.raises(OSError, match=r'\.part is no plain file.*remove it'):
        fetch(entry)
    assert victim.read_bytes() == b'mine'


def test_a_server_that_stops(
    server: Server, entry: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, 'TIMEOUT', 0.2)
    server.piece, server.pause = 250_000, 1.0
    with pytest.raises(OSError, match='timed out'):
        fetch(entry)
    (part,) = cache.glob('*.part')
    assert part.stat().st_size == 250_000
    server.pause = 0
    assert fetch(entry).read_bytes() == CONTENT
    assert server.requests[1][1] == 'bytes=250000-'


def test_a_server_that_drips(
    server: Server, entry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, 'TIMEOUT', 0.3)
    server.piece, server.pause = 20, 0.05
    with pytest.raises(OSError, match=r'only \d+ bytes came in'):
        fetch(entry)
    server.piece, server.pause = 1 << 20, 0
    assert fetch(entry).read_bytes() == CONTENT
