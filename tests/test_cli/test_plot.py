"""``uniformer-mm plot``, on logs as MMEngine writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from uniformer_mm.cli.main import main


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    path = tmp_path / 'my' / '20260101_000000' / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    lines = [
        {'loss': 3.0 - i, 'lr': 0.1, 'iter': i, 'step': i} for i in (1, 2)
    ]
    path.write_text('\n'.join(map(json.dumps, lines)))
    return tmp_path / 'my'


def test_values_are_printed(
    work_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['plot', str(work_dir)]) == 0
    titles, loss, lr = capsys.readouterr().out.splitlines()
    assert titles.split() == [
        *('training', 'key', 'to', 'step', 'first', 'last', 'least', 'most'),
        'curve',
    ]
    assert loss.split() == ['my', 'loss', '2', '2', '1', '1', '2', '█▁']
    assert lr.split()[:2] == ['my', 'lr']


@pytest.mark.parametrize(
    ('suffix', 'start'), [('png', b'\x89PNG'), ('svg', b'<?xml')]
)
def test_a_picture_is_drawn(
    work_dir: Path, tmp_path: Path, suffix: str, start: bytes
) -> None:
    out = tmp_path / 'new' / f'curves.{suffix}'
    assert main(['plot', str(work_dir), '--out', str(out)]) == 0
    assert out.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['--keys', 'lose'], "--keys must be among ['loss', 'lr'], got"),
        (['--out', 'a.gif'], '--out must end in one of .png, .svg, .pdf'),
    ],
)
def test_what_is_refused(
    work_dir: Path,
    words: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(['plot', str(work_dir), *words]) == 1
    assert told in capsys.readouterr().err
