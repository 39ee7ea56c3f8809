from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE, fetch
from uniformer_mm.weights.zoo import ZOO

CONTENT = bytes(range(256)) * 1200  # 300 kB
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
    requests: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get('Range', '')
            state.requests.append((self.path, asked))
            if state.status != 200:
                self.send_error(state.status)
                return
            start = 0
            if state.ranges and asked:
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
                self.send_response(200)
            body = state.content[start:]
            self.send_header('Content-Type', state.kind)
            if state.length:
                self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.cut] if state.cut else body)

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as http:
        state.url = f'http://127.0.0.1:{http.server_port}/a'
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield state
        http.shutdown()
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
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


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
    assert fetch(url, progress=False) == cache / 'w 1.pth'
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


@pytest.mark.parametrize('ranges', [True, False])
def test_a_cut_connection_is_continued(
    server: Server, entry: str, cache: Path, ranges: bool
) -> None:
    server.cut, server.ranges = 100_000, ranges
    with pytest.raises(OSError, match='broke after 100000 of 307200 bytes'):
        fetch(entry)
    (part,) = files(cache)
    assert part.endswith('.part')
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
    expected = '307200 bytes' if fact == 'size' else f'sha256 {SHA256[:8]}'
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
        assert fetch(source) == cache / name
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
    assert path == cache / 'b.pth'
