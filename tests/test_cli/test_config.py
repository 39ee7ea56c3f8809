from __future__ import annotations

from pathlib import Path

import pytest

from uniformer_mm.cli.main import main

NAME = 'detection/uniformer_maskrcnn.py'


def test_one_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['config', NAME]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.is_file()
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
