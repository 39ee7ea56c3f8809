from __future__ import annotations

import json
from pathlib import Path

import pytest

from uniformer_mm.cli.main import main
from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE
from uniformer_mm.weights.zoo import ZOO


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['weights']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ['name', 'arch', 'head_dim']
    rows = {line.split()[0]: line for line in lines[1:]}
    assert list(rows) == list(ZOO)
    assert 'by hand' in rows['uniformer-base_tl-384']
    assert 'download.openmmlab.com' in rows['uniformer-small_in1k_mmpose']


@pytest.mark.parametrize(
    ('options', 'keys'),
    [
        (['--task', 'pose'], {'task': 'pose'}),
        (['--arch', 'xs'], {'arch': 'xs'}),
        (
            ['--task', 'detection', '--arch', 'base'],
            {'task': 'detection', 'arch': 'base'},
        ),
    ],
)
def test_a_part_as_json(
    options: list[str],
    keys: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(['weights', '--json', *options]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row['name'] for row in rows} == {
        name
        for name, entry in ZOO.items()
        if all(getattr(entry, key) == value for key, value in keys.items())
    }
    assert rows[0]['mean'] == [123.675, 116.28, 103.53]


def test_an_unknown_task(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['weights', '--task', 'tracking'])
    assert "'backbone'" in capsys.readouterr().err


def test_download(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = 'uniformer-small_in1k'
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    assert main(['download', 'uniformer-small']) == 1
    assert f'Did you mean {name}' in capsys.readouterr().err

    path = tmp_path / 'uniformer_small_in1k.pth'
    path.write_bytes(b'1')
    assert main(['download', name]) == 0
    assert capsys.readouterr().out == f'{path}\n'

    to = tmp_path / 'to'
    assert main(['download', name, '--to', str(to)]) == 0
    assert capsys.readouterr().out == f'{to / path.name}\n'
    assert (to / path.name).read_bytes() == b'1'
