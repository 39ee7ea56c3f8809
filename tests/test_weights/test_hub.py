"""Files of the Hugging Face hub, from a server that stands for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_server import hub_server
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

    repositories = {
        repository: {name: name.encode() for name in names}
        for repository, names in REPOSITORIES.items()
    }
    with hub_server(repositories, tmp_path / 'hub') as variables:
        yield variables


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
        assert out.startswith(f"OSError: can't get 'hf-hub:{source}' from")
        assert f'{hub["HF_ENDPOINT"]}/me/' in out
    # In a folder's stead, what is in the cache is taken, and nothing else.
    offline = {**hub, WEIGHTS_VARIABLE: str(tmp_path)}
    sources = ['hf-hub:me/safe', 'hf-hub:me/several/a.pth']
    here, not_here = fetched(*sources, **offline)
    assert here == 'model.safetensors'
    assert "OSError: can't get 'hf-hub:me/several/a.pth' from huggin" in (
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
    with pytest.raises(ImportError, match='pip install huggingface_hub'):
        fetch('hf-hub:me/name')


def test_a_mirror_of_files_is_none_of_the_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, 'http://127.0.0.1:1/a')
    with pytest.raises(ValueError, match='mirror of the hub is named by HF_E'):
        fetch('hf-hub:me/name')
