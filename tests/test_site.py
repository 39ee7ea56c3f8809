"""The site of the documents is built without a warning, its notebook run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import uniformer_mm

ROOT = Path(__file__).parents[1]


# One test: what it looks at takes most of a minute to make.
def test_the_site(tmp_path: Path) -> None:
    for name in ('furo', 'myst_nb', 'mmseg'):
        pytest.importorskip(name)
    site = tmp_path / 'site'
    command = [sys.executable, '-m', 'sphinx', '-q', '-W', '-b', 'html']
    subprocess.run([*command, ROOT / 'docs', site], cwd=ROOT, check=True)

    def page(name: str) -> str:
        return (site / f'{name}.html').read_text(encoding='utf-8')

    # The notebook: data, curves, answers.
    pictures = re.findall(r'src="(_images/\w+\.png)"', page('first-training'))
    assert len(pictures) == 3
    assert all(
        (site / picture).stat().st_size > 10_000 for picture in pictures
    )

    # Out of docs/: to a page of the site, or to a copy of the file.
    assert 'href="configs/action.html"' in page('action')
    name = 'uniformer-s_toy.py'
    copy = re.search(rf'href="\.\./(\S+/{name})"', page('configs/action'))
    assert copy
    original = ROOT / 'configs/action' / name
    assert (site / copy[1]).read_bytes() == original.read_bytes()

    documented = set(re.findall(r'id="uniformer_mm\.(\w+)"', page('api')))
    assert documented >= set(uniformer_mm.__all__) - {'__version__'}
