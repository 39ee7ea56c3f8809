"""A server that stands for the Hugging Face hub: files to get, and commits."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Repositories = dict[str, dict[str, bytes]]
REVISIONS = ('main', 'v1')


@contextlib.contextmanager
def hub_server(
    repositories: Repositories, cache: Path
) -> Iterator[dict[str, str]]:
    """Serve, and store, what is in ``repositories``.

    Args:
        repositories: OWNER/NAME -> path in it -> content.
        cache: Folder for what is downloaded.

    Yields:
        dict: Environment variables by which the server is the hub.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.split('?')[0].removeprefix('/api/models')
            owner, name, *rest = path.strip('/').split('/')
            kind, revision, *parts = [*rest, '', ''][: max(len(rest), 2)]
            files = repositories.get(f'{owner}/{name}')
            file = '/'.join(parts)
            if files is not None and kind in ('', 'revision'):
                self.send_json({'id': f'{owner}/{name}', 'sha': 'b' * 40})
            elif files and kind == 'tree' and revision in REVISIONS:
                self.send_json(
                    [
                        {'type': 'file', 'path': f, 'size': 1, 'oid': 'a' * 40}
                        for f in files
                    ]
                )
            elif files and kind == 'resolve' and file in files:
                self.send(files[file])
            else:
                missing = 'Repo' if not files else 'Entry'
                self.send(b'', 404, {'X-Error-Code': f'{missing}NotFound'})

        def do_POST(self) -> None:
            length = int(self.headers.get('Content-Length', 0))
            text = self.rfile.read(length).decode()
            url = f'http://{self.headers["Host"]}'
            if self.headers.get('Authorization') != 'Bearer a-token':
                self.send(b'', 401)
            elif self.path == '/api/repos/create':
                asked = json.loads(text)
                name = f'{asked.get("organization")}/{asked["name"]}'
                repositories.setdefault(name, {})
                self.send_json({'url': f'{url}/{name}', 'id': 'b' * 24})
            elif self.path == '/api/validate-yaml':
                self.send_json({'errors': [], 'warnings': []})
            else:
                _, _, owner, name, kind, _ = self.path[1:].split('/')
                if kind == 'preupload':
                    self.send_json(
                        {
                            'files': [
                                {
                                    **file,
                                    'uploadMode': 'regular',
                                    'shouldIgnore': False,
                                }
                                for file in json.loads(text)['files']
                            ]
                        }
                    )
                    return
                for line in map(json.loads, text.splitlines()):
                    if line['key'] == 'file':
                        repositories[f'{owner}/{name}'][
                            line['value']['path']
                        ] = base64.b64decode(line['value']['content'])
                commit = f'{url}/{owner}/{name}/commit/{"b" * 40}'
                self.send_json(
                    {
                        'commitUrl': commit,
                        'commitOid': 'b' * 40,
                        'success': True,
                    }
                )

        def send_json(self, content: Any) -> None:
            self.send(json.dumps(content).encode())

        def send(
            self,
            body: bytes,
            status: int = 200,
            headers: Mapping[str, str] = {},
        ) -> None:
            self.send_response(status)
            self.send_header('X-Repo-Commit', 'b' * 40)
            self.send_header('ETag', f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header('Content-Length', str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != 'HEAD':
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield {
                'HF_ENDPOINT': f'http://127.0.0.1:{server.server_port}',
                'HF_HOME': str(cache),
                'no_proxy': '*',
            }
        finally:
            server.shutdown()
            thread.join()
