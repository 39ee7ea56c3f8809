"""Inputs from the web, from a server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.host_tests import CLIPS, COCO4
from uniformer_mm.predict import web
from uniformer_mm.predict.items import open_clips, open_pictures
from uniformer_mm.predict.sources import find_sources

ANSWERS = {
    '/good.jpg': (200, 'image/jpeg', b'content'),
    '/page': (200, 'text/html', b'<html>'),
    '/large.jpg': (200, 'image/jpeg', b'x' * 101),
    '/cut.jpg': (200, 'image/jpeg', b'content'),
    '/drips.jpg': (200, 'image/jpeg', b''),
    '/round.jpg': (302, '/round.jpg', b''),
    '/elsewhere.jpg': (302, 'ftp://127.0.0.1:9/a.jpg', b''),
    '/p.jpg': (
        200,
        'image/jpeg',
        (COCO4 / '000000000785.jpg').read_bytes(),
    ),
    '/v.avi': (200, 'video/avi', (CLIPS / 'test.avi').read_bytes()),
}


class Server(ThreadingHTTPServer):
    ended = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        code, kind, body = ANSWERS.get(self.path, (404, 'text/plain', b''))
        self.send_response(code)
        name = 'Location' if code == 302 else 'Content-Type'
        self.send_header(name, kind)
        if self.path == '/cut.jpg':
            self.send_header('Content-Length', '999')
        self.end_headers()
        self.wfile.write(body)
        while self.path == '/drips.jpg' and not self.server.ended.wait(0.05):
            self.wfile.write(b'x')

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope='module')
def address() -> Iterator[str]:
    server = Server(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_arrives(address: str) -> None:
    assert web.download(f'{address}/good.jpg') == b'content'


@pytest.mark.parametrize(
    ('path', 'words'),
    [
        ('/none.jpg', 'the server answers 404'),
        ('/page', 'a web page'),
        ('/large.jpg', 'more than 0 MiB'),
        ('/cut.jpg', 'the connection broke: 992 bytes lack'),
        ('/drips.jpg', 'the server gave .* bytes in 0 s'),
        ('/round.jpg', 'the server answers 302 .* infinite loop'),
        ('/elsewhere.jpg', 'from http on to ftp, which is not followed'),
    ],
)
def test_what_is_refused(
    address: str, path: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, 'MAX_BYTES', 100)
    monkeypatch.setattr(web, 'TIMEOUT', 0.2)
    with pytest.raises(ValueError, match=words):
        web.download(address + path)


def test_nobody_answers() -> None:
    with pytest.raises(ValueError, match='no connection'):
        web.download('http://127.0.0.1:9/a.jpg')


def test_a_picture_and_a_video(address: str) -> None:
    urls = [f'{address}/p.jpg', f'{address}/none.jpg', f'{address}/v.avi']
    sources = list(find_sources(urls, clips=False))
    picture, none, *frames = open_pictures(sources, bgr=False, step=50)
    assert picture.picture is not None
    assert picture.picture.shape == (425, 640, 3)
    assert picture.path == urls[0]
    assert str(none.failure).startswith('the server answers 404')
    assert len(frames) > 1
    assert {frame.name for frame in frames} >= {'127.0.0.1/v.avi/000050'}
    for item in open_clips(sources[2:], bgr=False):
        assert str(item.clip).endswith('v.avi')
