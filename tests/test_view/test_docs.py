"""The guides to viewing and serving do what they say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.host_tests import HostTest
from tests.support.recipe import ROOT


def test_the_script_runs(
    host_test: Callable[[str], HostTest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test = host_test('detection')
    (tmp_path / 'work_dirs/my').mkdir(parents=True)
    shutil.copy(test.checkpoint, tmp_path / 'work_dirs/my/epoch_12.pth')
    shutil.copy(test.inputs[0], tmp_path / 'picture.jpg')
    monkeypatch.chdir(tmp_path)
    text = (ROOT / 'docs/view.md').read_text()
    (script,) = re.findall(r'^```python\n(.*?)^```', text, re.M | re.S)
    names: dict[str, Any] = {}
    exec(script, names)
    heads = names['viewer'].backbone.blocks3[2].attn.num_heads
    assert len(names['panels']) == 1 + heads
    assert names['sheet'].ndim == 3
