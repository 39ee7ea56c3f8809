"""A server of one weight file, with the faults that servers have."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch

from tests.support.weight_files import packed

CONTENT = packed({'w': torch.arange(75_000.0)})  # 300 kB
OTHER = packed({'w': torch.arange(75_000.0) + 1})
SHA256 = hashlib.sha256(CONTENT).hexdigest()


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


@contextlib.contextmanager
def weight_server() -> Iterator[Server]:
    """Serve as the server that is given says at the time of a request."""
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


def files(folder: Path) -> list[str]:
    """Return the names of all files below ``folder``."""
    return sorted(p.name for p in folder.rglob('*') if p.is_file())
