"""From a name, a path or an address to a local file."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.weight_server import CONTENT, OTHER, Server, files
from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE, fetch
from uniformer_mm.weights.zoo import ZOO

pytestmark = pytest.mark.usefixtures('cache')


DRIVE_ONLY = 'uniformer-small-plus_in1k'


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
