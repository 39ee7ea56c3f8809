"""benchmarks.learning: one recipe for all backbones, a row for a training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks.learning import __main__ as command
from benchmarks.learning.data import CLASSES, SPLITS, write_splits
from benchmarks.learning.detector import BACKBONES, STRIDES, detector
from benchmarks.learning.recipe import SIZE, Trial, config_of
from benchmarks.learning.table import TOOL, spread, tables
from benchmarks.learning.trial import RESULTS, Result, read_results
from tools.generated import filled

pytest.importorskip('mmdet')

ROOT = Path(__file__).parents[2]
BCCD = ROOT.parent / 'shared/data/bccd'
OBJECT = """<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin>
<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"""
PICTURES_OF_A_SPLIT = 3


@pytest.fixture(scope='module')
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BCCD in small: a disc per class in each picture."""
    root = tmp_path_factory.mktemp('cells')
    for folder in ('Annotations', 'ImageSets/Main', 'JPEGImages'):
        (root / folder).mkdir(parents=True)
    for i in range(PICTURES_OF_A_SPLIT * len(SPLITS)):
        split, name = SPLITS[i % len(SPLITS)], f'cell_{i:03}'
        picture = np.full((*SIZE[::-1], 3), 200, np.uint8)
        objects = []
        for j, label in enumerate(CLASSES):
            x, y, r = 60 + 90 * j, 60 + 12 * i, 15 + 10 * j
            cv2.circle(picture, (x, y), r, (90 * j, 60, 160), -1)
            objects.append(OBJECT.format(label, x - r, y - r, x + r, y + r))
        cv2.imwrite(f'{root}/JPEGImages/{name}.jpg', picture)
        text = f'<annotation>{"".join(objects)}</annotation>'
        (root / f'Annotations/{name}.xml').write_text(text)
        with (root / f'ImageSets/Main/{split}.txt').open('a') as file:
            file.write(f'{name}\n')
    return root


def test_the_splits_are_those_of_the_data(cells: Path, tmp_path: Path) -> None:
    write_splits(cells, tmp_path)
    for split in SPLITS:
        told = json.loads((tmp_path / f'{split}.json').read_text())
        names = tuple(category['name'] for category in told['categories'])
        assert names == CLASSES
        assert len(told['images']) == PICTURES_OF_A_SPLIT
        assert len(told['annotations']) == 3 * PICTURES_OF_A_SPLIT


def test_other_data_are_refused(cells: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='BCCD_Dataset'):
        write_splits(tmp_path / 'none', tmp_path)
    for name in ('Annotations', 'JPEGImages'):
        shutil.copytree(cells / name, tmp_path / name)
    with pytest.raises(ValueError, match=r"the splits .*'test'\], got \['all"):
        write_splits(tmp_path, tmp_path)


@pytest.mark.parametrize('model', BACKBONES)
def test_a_backbone_fits_the_neck(model: str) -> None:
    from mmdet.registry import MODELS

    config = detector(model)
    backbone = MODELS.build(config['backbone'])
    backbone.eval()  # of mmdet's own it returns nothing
    with torch.no_grad():
        maps = backbone(torch.zeros(1, 3, 64, 128))
    assert [m.shape[1] for m in maps] == config['neck']['in_channels']
    for feature_map, stride in zip(maps, STRIDES, strict=True):
        assert feature_map.shape[2:] == (64 // stride, 128 // stride)


def test_all_is_the_same_but_the_backbone() -> None:
    here = Path()
    first, *others = (
        config_of(Trial(model, 0, 100), here, here, here)
        for model in BACKBONES
    )
    for config in (first, *others):
        del config['model']['backbone'], config['model']['neck']['in_channels']
        assert config == first


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (('vgg', 0, 100), "unknown model 'vgg'"),
        (('swin-t', 0, 9), 'iterations must be >= 10, got 9'),
        (('swin-t', 0, 10, 1e-3, 'train'), "unknown tested 'train'"),
    ],
)
def test_a_trial_that_is_none(
    values: tuple[str, int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Trial(*values)


def check_log(results: Path, row: Result) -> None:
    text = (results.parent / 'logs' / row.log).read_text()
    losses = [json.loads(line)['loss'] for line in text.splitlines()]
    assert losses[0] == pytest.approx(row.first_loss, rel=1e-3)
    assert losses[-1] == pytest.approx(row.last_loss, rel=1e-3)


def test_a_training_leaves_a_row_and_its_log(
    cells: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / 'out/results.csv'
    words = [
        *('--data', str(cells), '--models', 'uniformer-xxs', '--seeds', '7'),
        *('--iterations', '10', '--threads', '1', '--out', str(out)),
        *('--work-dir', str(tmp_path / 'work')),
    ]
    assert command.main(words) == 0
    assert 'uniformer-xxs_10_seed7: AP ' in capsys.readouterr().out
    (row,) = read_results(out)
    assert (row.model, row.seed, row.iterations) == ('uniformer-xxs', 7, 10)
    assert '--seeds 7 --iterations 10 --lr 0.001' in row.command
    assert 0 <= row.ap <= row.ap50 <= 100
    assert 9e6 < row.params < 11e6  # 10.2 with a classifier
    assert row.cpu_s > 0 < row.wall_s
    assert row.peak_rss_mib > 4 * row.params / 2**20
    check_log(out, row)
    # The same training again replaces its row, another one is added.
    monkeypatch.setattr(command, 'run_apart', lambda *_: row)
    assert command.main(words) == 0
    assert len(read_results(out)) == 1
    text = out.read_text()
    out.write_text(text.replace('seed7', 'seed8'))
    assert command.main(words) == 0
    logs = [row.log for row in read_results(out)]
    assert logs == [row.log.replace('seed7', 'seed8'), row.log]
    out.write_text(text.replace('ap50', 'ap5', 1))
    with pytest.raises(ValueError, match='must have the columns'):
        read_results(out)


def test_the_table_is_that_of_the_results() -> None:
    path = ROOT / 'docs/learning.md'
    content = tables(read_results(RESULTS))
    assert filled(path, TOOL, content) == path.read_text()


def test_every_training_of_the_results_learnt_and_has_its_log() -> None:
    for row in read_results(RESULTS):
        check_log(RESULTS, row)
        assert row.last_loss < row.first_loss
        assert (
            row.command
            == Trial(
                row.model, row.seed, row.iterations, row.lr, row.tested
            ).command
        )
        assert not row.commit.endswith('-dirty')


def test_a_spread_is_of_all_seeds() -> None:
    assert spread([3.0, 1.0, 2.0]) == '2.0 (1.0 to 3.0)'


@pytest.mark.slow
@pytest.mark.skipif(not BCCD.is_dir(), reason='no pictures beside us')
@pytest.mark.parametrize('model', BACKBONES)
def test_they_learn_real_pictures(model: str, tmp_path: Path) -> None:
    out = tmp_path / 'results.csv'
    words = ('--models', model, '--iterations', '60', '--out', str(out))
    place = ('--data', str(BCCD), '--work-dir', str(tmp_path / 'work'))
    assert command.main([*words, *place, '--seeds', '0']) == 0
    row: Result
    (row,) = read_results(out)
    assert row.last_loss < 0.8 * row.first_loss
