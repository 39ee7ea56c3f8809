"""Logs of trainings as curves, and the pictures of them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from uniformer_mm.analysis.curves import draw_curves, sparkline
from uniformer_mm.analysis.training_log import Curve, read_log


def log(folder: Path, *lines: dict[str, Any] | str, run: str = '1') -> Path:
    """Write lines as MMEngine does; return the work dir."""
    path = folder / run / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [x if isinstance(x, str) else json.dumps(x) for x in lines]
    path.write_text('\n'.join(texts) + '\n')
    return folder


def trained(step: int, **values: float) -> dict[str, Any]:
    return {**values, 'time': 1.0, 'epoch': 1, 'iter': step, 'step': step}


def validated(step: int, **values: float) -> dict[str, Any]:
    named = {key.replace('__', '/'): value for key, value in values.items()}
    return {**named, 'data_time': 0.1, 'step': step}


def test_training_and_validation_are_told_apart(tmp_path: Path) -> None:
    found = read_log(
        log(
            tmp_path / 'mine',
            validated(0, coco__bbox_mAP=0.0, coco__bbox_mAP_50=0.0),
            trained(10, lr=0.1, loss=3.0, loss_cls=2.0),
            trained(20, lr=0.2, loss=2.0, loss_cls=1.0),
            validated(1, coco__bbox_mAP=0.5, coco__bbox_mAP_50=0.7),
        )
    )
    assert found.name == 'mine'
    assert found.curves['loss'] == Curve((10, 20), (3.0, 2.0), True)
    assert found.curves['coco/bbox_mAP'] == Curve((0, 1), (0.0, 0.5), False)
    assert found.main_keys() == ['loss', 'coco/bbox_mAP', 'lr']
    assert not {'time', 'data_time', 'epoch', 'step'} & set(found.curves)


def test_metrics_that_stand_for_a_whole_are_main(tmp_path: Path) -> None:
    metrics = {'coco__bbox_mAP': 1.0, 'coco__bbox_mAP_s': 1.0}
    line = validated(1, **metrics, coco__segm_mAP=1.0)
    found = read_log(log(tmp_path, line))
    assert found.main_keys() == ['coco/bbox_mAP', 'coco/segm_mAP']


def test_a_resumed_training_goes_on_where_it_was_resumed(
    tmp_path: Path,
) -> None:
    log(
        tmp_path,
        trained(10, loss=3.0),
        validated(1, mIoU=1.0),
        trained(20, loss=2.0),
        trained(30, loss=9.0),
    )
    log(tmp_path, trained(20, loss=2.5), validated(2, mIoU=2.0), run='2')
    found = read_log(tmp_path)
    assert found.curves['loss'] == Curve((10, 20), (3.0, 2.5), True)
    assert found.curves['mIoU'] == Curve((1, 2), (1.0, 2.0), False)


def test_a_line_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    folder = log(tmp_path, trained(10, loss=3.0), '{"loss": 2.0, "it')
    assert read_log(folder).curves['loss'].values == (3.0,)


@pytest.mark.parametrize('line', ['{"loss"', '[1]', '{"loss": 1.0}', '7'])
def test_damaged_logs_are_named(tmp_path: Path, line: str) -> None:
    folder = log(tmp_path, line, trained(10, loss=3.0))
    with pytest.raises(ValueError, match=r'scalars.json, line 1: no log'):
        read_log(folder)


def test_a_folder_without_a_training(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='no training was logged'):
        read_log(tmp_path)


def test_losses_that_are_no_numbers_are_shown(tmp_path: Path) -> None:
    folder = log(tmp_path, trained(1, loss=1.0), trained(2, loss=math.nan))
    curve = read_log(folder).curves['loss']
    assert math.isnan(curve.values[1])
    assert curve.finite == (1.0,)
    assert sparkline(curve) == '▁!'


def test_sparklines_have_few_bars() -> None:
    curve = Curve(tuple(range(100)), tuple(map(float, range(100))), True)
    bars = sparkline(curve, 8)
    assert bars == ''.join(sorted(bars))
    assert len(bars) == 8
    assert sparkline(Curve((1,), (5.0,), True)) == '▁'


def test_each_key_has_a_panel_with_each_training(tmp_path: Path) -> None:
    lines = [trained(i, loss=1.0 / i, lr=0.1) for i in range(1, 30)]
    one = read_log(log(tmp_path / 'one', *lines, validated(1, mIoU=1.0)))
    two = read_log(log(tmp_path / 'two', *lines))
    keys = ['loss', 'mIoU', 'lr', 'loss']
    figure = draw_curves([one, two], keys)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == keys
    assert [len(axes.lines) for axes in shown] == [2, 1, 2, 2]
    assert [text.get_text() for text in figure.legends[0].texts] == [
        *('one', 'two')
    ]
    assert list(shown[0].lines[0].get_xdata()) == list(range(1, 30))
