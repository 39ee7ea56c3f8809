"""Files of the Hugging Face hub, from a server that stands for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.installs import ROOT
from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE, fetch

# Repository -> its files; each holds its own name.
REPOSITORIES = {
    'me/safe': ['model.safetensors', 'README.md', 'old/other.pth'],
    'me/single': ['README.md', 'uniformer.pth'],
    'me/several': ['a.pth', 'b.bin'],
    'me/none': ['README.md', 'model.onnx'],
}
# Takes sources as arguments and prints what became of each, as JSON.
FETCH = """
import json, sys
from uniformer_mm.weights.fetch import fetch
for source in sys.argv[1:]:
    try:
        print(json.dumps(fetch(source).read_text()))
    except Exception as error:
        print(json.dumps([type(error).__name__, str(error)]))
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment variables by which the server is the hub."""
    pytest.importorskip('huggingface_hub')

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.split('?')[0].removeprefix('/api/models')
            owner, name, kind, revision, *file = path.strip('/').split('/')
            files = REPOSITORIES.get(f'{owner}/{name}')
            body = '/'.join(file).encode()
            if files and kind == 'tree' and revision in ('main', 'v1'):
                tree = [
                    {'type': 'file', 'path': f, 'size': 1, 'oid': 'a' * 40}
                    for f in files
                ]
                body = json.dumps(tree).encode()
            elif not files or kind != 'resolve' or body.decode() not in files:
                missing = 'Repo' if not files else 'Entry'
                self.send_response(404)
                self.send_header('X-Error-Code', f'{missing}NotFound')
                self.send_header('Content-Length', '0')
                self.end_headers()
                return
            self.send_response(200)
            self.send_header('X-Repo-Commit', 'b' * 40)
            self.send_header('ETag', f'"{body.hex()}"')
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            if self.command == 'GET':
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield {
            'HF_ENDPOINT': f'http://127.0.0.1:{server.server_port}',
            'HF_HOME': str(tmp_path / 'hub'),
            'no_proxy': '*',
        }
        server.shutdown()
        thread.join()


def fetched(*sources: str, **variables: str) -> list[str]:
    """Fetch in a process of its own: the hub's settings are read once."""
    done = subprocess.run(
        [sys.executable, '-c', FETCH, *sources],
        env={**os.environ, 'PYTHONPATH': str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        ': '.join(out) if isinstance(out, list) else out
        for out in map(json.loads, done.stdout.splitlines())
    ]


def test_files_of_the_hub(hub: dict[str, str], tmp_path: Path) -> None:
    cases = {
        'me/safe': 'model.safetensors',
        'me/safe@v1': 'model.safetensors',
        'me/safe/old/other.pth': 'old/other.pth',
        'me/single': 'uniformer.pth',
        'me/single/README.md@v1': 'README.md',
        'me/several': "ValueError: 'hf-hub:me/several' has several weight "
        'files, a.pth, b.bin; name one: hf-hub:me/several/a.pth',
        'me/several@v1': "ValueError: 'hf-hub:me/several@v1' has several "
        'weight files, a.pth, b.bin; name one: hf-hub:me/several/a.pth@v1',
        'me/none': "ValueError: 'hf-hub:me/none' has no weight file (.pth, "
        '.pt, .bin, .safetensors), only files that end in .md, .onnx',
    }
    missing = ['me/nowhere', 'me/single/nothing.pth']
    sources = [f'hf-hub:{name}' for name in (*cases, *missing)]
    outs = fetched(*sources, **hub)
    assert dict(zip(cases, outs, strict=False)) == cases
    for source, out in zip(missing, outs[len(cases) :], strict=True):
        assert out.startswith(f"OSError: cannot get 'hf-hub:{source}' from")
        assert f'{hub["HF_ENDPOINT"]}/me/' in out
    # In a folder's stead, what is in the cache is taken, and nothing else.
    offline = {**hub, WEIGHTS_VARIABLE: str(tmp_path)}
    sources = ['hf-hub:me/safe', 'hf-hub:me/several/a.pth']
    here, not_here = fetched(*sources, **offline)
    assert here == 'model.safetensors'
    assert "OSError: cannot get 'hf-hub:me/several/a.pth' from huggin" in (
        not_here
    )


@pytest.mark.parametrize(
    'source', ['name', '/', 'me/', 'me/n@', 'me/n/', 'https://host/me/name']
)
def test_other_forms(source: str) -> None:
    with pytest.raises(ValueError, match='must be hf-hub:OWNER/NAME or hf-h'):
        fetch(f'hf-hub:{source}')


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ImportError, match=r"'uniformer_mm\[hub\]'"):
        fetch('hf-hub:me/name')


def test_a_mirror_of_files_is_none_of_the_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, 'http://127.0.0.1:1/a')
    with pytest.raises(ValueError, match='mirror of the hub is named by HF_E'):
        fetch('hf-hub:me/name')
