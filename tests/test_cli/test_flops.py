from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from uniformer_mm.cli.main import main

CONFIGS = Path(__file__).parents[2] / 'configs'


def table(text: str) -> dict[str, list[str]]:
    lines = [line.split() for line in text.splitlines()]
    return {line[0]: line[1:] for line in lines}


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('mmdet')
    name = 'detection/mask-rcnn_uniformer-s-h14_1x_coco.py'
    assert main(['flops', name]) == 0
    rows = table(capsys.readouterr().out)
    assert rows['part'] == ['parameters', '(M)', 'multiply-adds', '(G)']
    parts = [
        'backbone',
        'neck',
        'rpn_head',
        'roi_head.bbox_head',
        'roi_head.mask_head',
    ]
    assert list(rows) == ['part', *parts, 'total', 'input']
    assert rows['input'] == ['800x1280']
    for i in range(2):
        total = sum(float(rows[part][i]) for part in parts)
        assert float(rows['total'][i]) == pytest.approx(total, abs=0.03)
    # The paper's numbers.
    params_m, gmacs = map(float, rows['total'])
    assert round(params_m) == 41
    # Theirs project 704 tokens of padding back, in six blocks of windows.
    assert round(gmacs + 6 * 704 * 320**2 / 1e9) == 269

    assert main(['flops', str(CONFIGS / name), '--shape', '64', '96']) == 0
    small = table(capsys.readouterr().out)
    assert small['input'] == ['64x96']
    assert float(small['total'][1]) < gmacs
    assert small['total'][0] == rows['total'][0]


def test_the_views_of_a_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('mmaction')
    path = tmp_path / 'video.py'
    path.write_text(
        "_base_ = 'mmaction::recognition/uniformer/uniformer-small_imagenet1k-"
        "pre_16x4x1_kinetics400-rgb.py'\n"
    )
    assert main(['flops', str(path)]) == 0
    rows = table(capsys.readouterr().out)
    assert rows['input'] == ['16x224x224']
    one, four = (float(rows[key][-1]) for key in ('one', '4'))
    assert four == pytest.approx(4 * one, abs=0.03)


def test_as_a_command_it_prints_no_warnings_of_others() -> None:
    pytest.importorskip('mmpose')
    name = 'pose/td-hm_uniformer-s_210e_coco-256x192.py'
    done = subprocess.run(
        [sys.executable, '-m', 'uniformer_mm', 'flops', name],
        cwd=CONFIGS.parent,
        env={k: v for k, v in os.environ.items() if k != 'PYTHONWARNINGS'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert table(done.stdout)['total'] == ['25.23', '4.67']
    assert done.stderr == ''


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['flops', 'detection/none.py']) == 1
    assert 'none.py' in capsys.readouterr().err
    path = tmp_path / 'bare.py'
    path.write_text('model = dict()\n')
    assert main(['flops', str(path)]) == 1
    assert 'got None' in capsys.readouterr().err
