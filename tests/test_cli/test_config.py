from __future__ import annotations

from pathlib import Path

import pytest

from uniformer_mm import hosts
from uniformer_mm.cli.main import main

NAME = 'detection/uniformer_maskrcnn.py'


def test_one_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['config', NAME]) == 0
    printed = capsys.readouterr()
    path = Path(printed.out.strip())
    assert path.is_file()
    assert printed.err == ''
    assert path.as_posix().endswith(f'/configs/{NAME}')


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['config']) == 0
    names = capsys.readouterr().out.split()
    assert NAME in names
    assert not [name for name in names if '_base_' in name]


def test_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['config', 'detection/none.py']) == 1
    error = capsys.readouterr().err
    assert "no config 'detection/none.py'; choose one of" in error
    assert NAME in error


def test_a_missing_host_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, 'find_spec', lambda _: None)
    assert main(['config', NAME]) == 0
    printed = capsys.readouterr()
    assert Path(printed.out.strip()).is_file()
    assert printed.err == (
        'uniformer-mm: to run it, not installed: mmdet, mim; '
        "pip install 'uniformer_mm[det,mim]'\n"
    )
