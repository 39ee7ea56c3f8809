"""The templates for people's own data: few images, other orders of classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mmengine import Config
from mmengine.registry import DATASETS, DefaultScope

from tests.support.recipe import CONFIGS, learning_rates, load_config
from uniformer_mm.engine import DataCheckRunner
from uniformer_mm.toy_data import CLASSES, ToyDataSpec, make_toy_data

SEGMENTATION = 'upernet_uniformer-s-h14_custom'
DETECTION = 'mask-rcnn_uniformer-s-h14_1x_custom'
POSE = 'td-hm_uniformer-s_210e_custom-256x192'


def with_iterations(number: int, folder: Path) -> Config:
    """A copy of the segmentation template, edited as it says."""
    template = (CONFIGS / f'segmentation/{SEGMENTATION}.py').read_text()
    assert 'max_iters = 20000\n' in template
    text = template.replace('max_iters = 20000\n', f'max_iters = {number}\n')
    path = folder / 'mine.py'
    path.write_text(text.replace("'../", f"'{CONFIGS.as_posix()}/"))
    return Config.fromfile(path)


@pytest.mark.parametrize('number', [*range(1, 13), 99, 20000])
def test_segmentation_of_any_length(number: int, tmp_path: Path) -> None:
    pytest.importorskip('mmseg')
    config = with_iterations(number, tmp_path)
    assert config.train_cfg.max_iters == number
    interval = config.train_cfg.val_interval
    assert config.default_hooks.checkpoint.interval == interval
    assert 1 <= interval <= max(1, number / 10)
    rates = learning_rates(config, range(number), epoch_length=1)
    warm = min(1500, interval)  # iterations
    full = config.optim_wrapper.optimizer.lr * (1 - warm / number)
    assert rates[0] < 1e-5 * config.optim_wrapper.optimizer.lr
    if number > 1:
        assert max(rates.values()) == pytest.approx(full, rel=1e-4)


@pytest.mark.parametrize('iterations', [1, 2, 10, 600])
@pytest.mark.parametrize(
    ('task', 'name', 'epochs'),
    [('detection', DETECTION, 2), ('pose', POSE, 5)],
)
def test_the_warm_up_ends_however_few_the_images(
    task: str, name: str, epochs: int, iterations: int
) -> None:
    config = load_config(task, name)
    lr = config.optim_wrapper.optimizer.lr
    last = epochs * iterations - 1
    rates = learning_rates(config, (0, last, last + 1), iterations)
    assert rates[0] == pytest.approx(0.001 * lr)
    assert rates[last] == pytest.approx(lr)
    assert rates[last + 1] == pytest.approx(lr)


@pytest.fixture
def shuffled(tmp_path: Path) -> dict[str, Any]:
    """The data set of the template, whose file is not in the order of ids."""
    make_toy_data(
        tmp_path, ToyDataSpec(train=3, val=1, train_clips=4, val_clips=2)
    )
    path = tmp_path / 'annotations' / 'instances_train.json'
    content = json.loads(path.read_text())
    content['categories'].reverse()
    path.write_text(json.dumps(content))
    loader = load_config('detection', DETECTION).train_dataloader
    loader.dataset.update(
        data_root=str(tmp_path),
        ann_file=f'annotations/{path.name}',
        data_prefix={'img': 'train/'},
        metainfo={'classes': CLASSES},
    )
    return loader


def test_mmdet_shifts_names_by_the_order_of_the_file(
    shuffled: dict[str, Any],
) -> None:
    """Silently: this is why the runner compares."""
    pytest.importorskip('mmdet')
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = DATASETS.build(shuffled['dataset'])
    path = Path(dataset.data_root, 'annotations/instances_train.json')
    content = json.loads(path.read_text())
    names = {c['id']: c['name'] for c in content['categories']}
    given = {
        CLASSES[label]: names[i] for i, label in dataset.cat2label.items()
    }
    assert given == dict(zip(CLASSES, reversed(CLASSES), strict=True))


def test_the_runner_refuses_a_shift_of_names(shuffled: dict[str, Any]) -> None:
    pytest.importorskip('mmdet')
    backwards = tuple(reversed(CLASSES))
    with DefaultScope.overwrite_default_scope('mmdet'):
        with pytest.raises(ValueError, match='in the order of the file'):
            DataCheckRunner.build_dataloader(shuffled)
        shuffled['dataset'].metainfo.classes = backwards
        loader = DataCheckRunner.build_dataloader(shuffled)
    assert loader.dataset.metainfo['classes'] == backwards
