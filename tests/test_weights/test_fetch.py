from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request

import pytest
import torch

from tests.support.weight_files import packed
from uniformer_mm import UniFormerLight
from uniformer_mm.weights import http
from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE, fetch
from uniformer_mm.weights.zoo import ZOO

CONTENT = packed({'w': torch.arange(75_000.0)})  # 300 kB
OTHER = packed({'w': torch.arange(75_000.0) + 1})
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = 'uniformer-small_k400_16x4_mmaction2'
DRIVE_ONLY = 'uniformer-small-plus_in1k'


@dataclass
class Server:
    """A server of one file, and what was asked of it."""

    url: str = ''
    content: bytes = CONTENT
    kind: str = 'application/octet-stream'
    ranges: bool = True
    length: bool = True
    cut: int = 0  # bytes after which the connection is closed; 0: none
    status: int = 200
    lie: bool = False  # continues at another byte than asked
    span: str = ''  # what it says it sends, whatever was asked
    to: str = ''  # where it sends on to
    pause: float = 0  # seconds after each of its pieces
    piece: int = 1 << 20
    headers: dict[str, str] = field(default_factory=lambda: {'ETag': '"1"'})
    requests: list[tuple[str, str]] = field(default_factory=list)

    def version(self) -> str:
        known = self.headers.get('ETag', 'W/')
        if known.startswith('W/'):
            known = self.headers.get('Last-Modified', '')
        return known


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get('Range', '')
            state.requests.append((self.path, asked))
            assert self.headers['Accept-Encoding'] == 'identity'
            if state.to and not self.path.startswith('/there'):
                self.send_response(302)
                self.send_header('Location', state.to)
                self.end_headers()
                return
            if state.status != 200:
                self.send_error(state.status)
                return
            start = 0
            changed = self.headers.get('If-Range') != state.version()
            if state.ranges and asked and not changed:
                start = int(asked.removeprefix('bytes=').removesuffix('-'))
                if start >= len(state.content):
                    self.send_error(416)
                    return
                self.send_response(206)
                end = len(state.content)
                first = start - 1 if state.lie else start
                span = f'bytes {first}-{end - 1}/{end}'
                self.send_header('Content-Range', span)
            else:
                self.send_response(206 if state.span else 200)
            body = state.content[start:]
            if state.span:
                self.send_header('Content-Range', state.span)
                body = body[: state.cut]
            self.send_header('Content-Type', state.kind)
            for name, value in state.headers.items():
                self.send_header(name, value)
            if state.length:
                self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            body = body[: state.cut] if state.cut else body
            with contextlib.suppress(ConnectionError):
                for at in range(0, len(body), state.piece):
                    self.wfile.write(body[at : at + state.piece])
                    time.sleep(state.pause)

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as listening:
        state.url = f'http://127.0.0.1:{listening.server_port}/a'
        serve = listening.serve_forever
        thread = threading.Thread(target=serve, args=(0.01,))
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setenv('no_proxy', '*')
    return tmp_path / 'hub' / 'checkpoints'


@pytest.fixture
def entry(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A name whose file the server has."""
    file = 'model-12345678.pth'
    fake = replace(
        ZOO[NAME],
        file_name=file,
        url=f'{server.url}/{file}',
        sha256=SHA256[:8],
    )
    monkeypatch.setitem(ZOO, NAME, fake)
    return NAME


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob('*') if p.is_file())


@pytest.mark.parametrize('length', [True, False])
def test_a_name_is_downloaded_once(
    server: Server, entry: str, cache: Path, length: bool
) -> None:
    server.length = length
    path = fetch(entry)
    assert path == cache / 'model-12345678.pth'
    assert path.read_bytes() == CONTENT
    assert files(cache) == [path.name]
    assert fetch(entry) == path
    assert server.requests == [('/a/model-12345678.pth', '')]


def test_a_url_is_downloaded(server: Server, cache: Path) -> None:
    url = f'{server.url}/w%201.pth?download=true'
    path = fetch(url, progress=False)
    assert (path.name, path.parents[1]) == ('w 1.pth', cache)
    assert fetch(url, progress=False) == path
    # The address given is the one that is asked, whatever the name.
    path = fetch(f'{server.url}/uniformer_small_in1k.pth', progress=False)
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_folder_is_filled(
    server: Server, entry: str, tmp_path: Path, cache: Path
) -> None:
    to = tmp_path / 'x' / 'y'
    assert fetch(entry, to).parent == to
    assert files(cache) == []
    fetch(entry)
    # From the cache, without a request.
    assert fetch(entry, tmp_path / 'z').read_bytes() == CONTENT
    assert files(tmp_path / 'z') == ['model-12345678.pth']
    assert len(server.requests) == 2


def test_an_existing_file(tmp_path: Path, server: Server) -> None:
    path = tmp_path / 'mine.bin'
    path.write_bytes(b'1')
    assert fetch(str(path)) == path
    assert fetch(path.as_uri()) == path
    assert fetch(str(path), tmp_path) == path
    assert fetch(str(path), tmp_path / 'b').read_bytes() == b'1'
    assert server.requests == []


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


def test_a_disk_that_cannot_be_written(
    server: Server, entry: str, cache: Path
) -> None:
    cache.parent.mkdir()
    cache.write_text('a file in place of the folder')
    with pytest.raises(OSError, match='checkpoints'):
        fetch(entry)
    assert server.requests == []


def test_many_ask_at_once(server: Server, entry: str, cache: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = list(
            pool.map(lambda _: fetch(entry, progress=False), range(8))
        )
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert len(server.requests) == 1
    assert len(files(cache)) == 1


def test_a_mirror(
    server: Server,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, f'{server.url}/m/')
    # What has no address of its own is found there, too.
    for source, name in (
        (DRIVE_ONLY, 'uniformer_small_plus_in1k.pth'),
        ('https://nowhere.invalid/b%20c.pth', 'b c.pth'),
    ):
        path = fetch(source)
        assert path.name == name
        assert cache in path.parents
    assert [path for path, _ in server.requests] == [
        '/a/m/uniformer_small_plus_in1k.pth',
        '/a/m/b%20c.pth',
    ]


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


@pytest.mark.parametrize('as_url', [False, True])
def test_an_offline_folder(
    server: Server,
    entry: str,
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    as_url: bool,
) -> None:
    folder = tmp_path / 'off line'
    folder.mkdir()
    value = folder.as_uri() if as_url else str(folder)
    monkeypatch.setenv(WEIGHTS_VARIABLE, value)
    for source in (entry, f'{server.url}/model-12345678.pth', DRIVE_ONLY):
        with pytest.raises(FileNotFoundError, match='nothing is downl') as e:
            fetch(source)
        assert str(folder) in str(e.value)
    (folder / 'model-12345678.pth').write_bytes(CONTENT)
    for source in (entry, f'{server.url}/model-12345678.pth'):
        assert fetch(source) == folder / 'model-12345678.pth'
    to = tmp_path / 'to'
    assert fetch(entry, to).read_bytes() == CONTENT
    assert files(to) == ['model-12345678.pth']
    cache.mkdir(parents=True)
    (cache / 'uniformer_small_plus_in1k.pth').write_bytes(b'1')
    assert fetch(DRIVE_ONLY).parent == cache
    assert server.requests == []


def test_an_offline_folder_that_is_none(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / 'none'))
    with pytest.raises(NotADirectoryError, match=f'{WEIGHTS_VARIABLE} must'):
        fetch(entry)
    monkeypatch.setenv(WEIGHTS_VARIABLE, 'ftp://host/a')
    with pytest.raises(ValueError, match='must start with http'):
        fetch(entry)


def test_what_must_be_got_by_hand(cache: Path) -> None:
    with pytest.raises(FileNotFoundError, match='by hand') as error:
        fetch(DRIVE_ONLY)
    text = str(error.value)
    assert ZOO[DRIVE_ONLY].source in text
    target = cache / 'uniformer_small_plus_in1k.pth'
    assert str(target) in text
    cache.mkdir(parents=True)
    target.write_bytes(CONTENT)
    assert fetch(DRIVE_ONLY) == target


def test_an_unpublished_file_name_is_our_name() -> None:
    name = 'mask-rcnn_uniformer-s-h14_1x_coco'
    with pytest.raises(FileNotFoundError, match=re.escape(f'{name}.pth')):
        fetch(name)


@pytest.mark.parametrize(
    ('source', 'guess'),
    [
        ('uniformer-smal_in1k', 'uniformer-small_in1k'),
        ('/a/uniformer_base_in1k.pth', 'uniformer-base_in1k'),
    ],
)
def test_an_unknown_name(source: str, guess: str) -> None:
    with pytest.raises(FileNotFoundError, match='no name of the cata') as e:
        fetch(source)
    assert guess in str(e.value)


def test_no_file_at_all(tmp_path: Path) -> None:
    for source in (str(tmp_path), '', 'q', (tmp_path / 'a.pth').as_uri()):
        with pytest.raises(FileNotFoundError):
            fetch(source)


@pytest.mark.parametrize('scheme', ['ftp', 's3', 'javascript', ''])
def test_other_schemes(scheme: str) -> None:
    with pytest.raises(ValueError, match='must start with http, https or'):
        fetch(f'{scheme}://host/a.pth')


@pytest.mark.parametrize(
    'end',
    ['', '/', '/..', '/a/', '/%2e%2e', '/..%5ca.pth', '/.a', '/c:a', '/a%00'],
)
def test_no_way_out_of_the_folder(
    server: Server, end: str, cache: Path
) -> None:
    with pytest.raises(ValueError, match='must end in a file name'):
        fetch(f'http://127.0.0.1:1{end}')
    path = fetch(f'{server.url}/..%2f..%2fetc%2fb.pth')
    assert (path.name, path.parents[1]) == ('b.pth', cache)


# --- nothing wrong stays under its final name


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


def test_force(server: Server) -> None:
    source = f'{server.url}/a.pth'
    path = fetch(source)
    server.content = OTHER
    assert fetch(source).read_bytes() == CONTENT
    assert fetch(source, force=True) == path
    assert path.read_bytes() == OTHER
    server.content = b'broken'
    with pytest.raises(ValueError, match='was removed'):
        fetch(source, force=True)
    assert path.read_bytes() == OTHER


# --- one name, several files


def test_files_of_one_name(server: Server, tmp_path: Path) -> None:
    one = fetch(f'{server.url}/one/best.pth')
    server.content = OTHER
    two = fetch(f'{server.url}/two/best.pth')
    assert one.name == two.name == 'best.pth'
    assert (one.read_bytes(), two.read_bytes()) == (CONTENT, OTHER)
    to = tmp_path / 'to'
    assert fetch(f'{server.url}/one/best.pth', to) == to / 'best.pth'
    assert fetch(f'{server.url}/one/best.pth', to) == to / 'best.pth'
    for source in (f'{server.url}/two/best.pth', str(two)):
        with pytest.raises(FileExistsError, match='is another file than'):
            fetch(source, to)
    assert (to / 'best.pth').read_bytes() == CONTENT
    fetch(f'{server.url}/two/best.pth', to, force=True)
    assert (to / 'best.pth').read_bytes() == OTHER
    assert files(to) == ['best.pth']


def test_entries_of_one_name(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, server.url)
    name = 'uniformer-small_in1k'
    first = fetch(name)
    server.content = OTHER
    second = fetch(f'{name}_mmpose')
    assert first == cache / 'uniformer_small_in1k.pth'
    assert second == cache / f'{name}_mmpose' / first.name
    assert (first.read_bytes(), second.read_bytes()) == (CONTENT, OTHER)


@pytest.mark.parametrize('with_folder', [True, False])
def test_a_pipe_is_not_replaced(
    entry: str, tmp_path: Path, cache: Path, with_folder: bool
) -> None:
    folder = tmp_path / 'to' if with_folder else None
    home = folder or cache
    home.mkdir(parents=True)
    pipe = home / 'model-12345678.pth'
    os.mkfifo(pipe)
    for force in (False, True):
        with pytest.raises((OSError, ValueError), match='is no plain file'):
            fetch(entry, folder, force=force)
        assert pipe.is_fifo()


# --- what servers and neighbours may do


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
