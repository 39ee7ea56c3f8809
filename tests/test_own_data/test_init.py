"""``uniformer-mm init``: what a folder holds, and a config that trains."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine import Config
from mmengine.registry import RUNNERS

from tests.support import own_folders as own
from uniformer_mm.cli.main import main
from uniformer_mm.hosts import TASK_HOSTS
from uniformer_mm.own_data import write_config
from uniformer_mm.toy_data import CLASSES, MOTIONS, ToyDataSpec, make_toy_data

Make = Callable[[Path, Path], None]
FOLDERS: dict[str, tuple[str, Make]] = {
    'coco': ('detection', own.make_coco),
    'coco boxes': ('detection', own.make_boxes),
    'voc': ('detection', own.make_voc),
    'yolo': ('detection', own.make_yolo),
    'yolo polygons': ('detection', partial(own.make_yolo, polygons=True)),
    'label maps': ('segmentation', own.make_masks),
    'masks of 0 and 255': (
        'segmentation',
        partial(own.make_masks, kind='two'),
    ),
    'coloured masks': (
        'segmentation',
        partial(own.make_masks, kind='colours'),
    ),
    'keypoints': ('pose', own.make_keypoints),
    'videos': ('action', own.make_videos),
    'pictures of classes': ('classification', own.make_classes),
    'lists of pictures': ('classification', own.make_lists),
}
FOUND = {
    'coco': ('MaskRCNN', CLASSES),
    'coco boxes': ('FasterRCNN', CLASSES),
    'voc': ('FasterRCNN', tuple(own.VOC_NAMES)),
    'yolo': ('FasterRCNN', CLASSES),
    'yolo polygons': ('MaskRCNN', CLASSES),
    'label maps': ('EncoderDecoder', ('none', *CLASSES)),
    'masks of 0 and 255': ('EncoderDecoder', ('background', 'class 255')),
    'coloured masks': ('EncoderDecoder', ('none', *CLASSES)),
    'keypoints': ('TopdownPoseEstimator', ()),
    'videos': ('Recognizer3D', tuple(sorted(MOTIONS))),
    'pictures of classes': ('ImageClassifier', CLASSES[:2]),
    'lists of pictures': ('ImageClassifier', CLASSES[:2]),
}


@pytest.fixture(scope='module')
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('init') / 'toy'
    make_toy_data(root, ToyDataSpec(6, 6, 64, train_clips=4, val_clips=4))
    return root


def files(root: Path) -> dict[str, bytes]:
    paths = sorted(p for p in root.rglob('*') if p.is_file())
    return {str(p): p.read_bytes() for p in paths}


def init(
    kind: str, toy: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[Path, str]:
    """The config that the command writes, and what it prints."""
    task, make = FOLDERS[kind]
    pytest.importorskip(f'{TASK_HOSTS[task]}.datasets')
    root = folder / 'mine'
    root.mkdir()
    make(toy, root)
    before = files(root)
    out = folder / 'my.py'
    code = main(['init', task, str(root), '--out', str(out)])
    printed = capsys.readouterr()
    assert code == 0, printed
    assert files(root) == before
    return out, printed.out


@pytest.mark.parametrize('kind', FOLDERS)
def test_what_is_found_and_what_is_written(
    kind: str, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, printed = init(kind, toy, tmp_path, capsys)
    model, classes = FOUND[kind]
    config = Config.fromfile(out)
    assert f'mim train {TASK_HOSTS[FOLDERS[kind][0]]} {out}' in printed
    data = config.train_dataloader.dataset
    if kind == 'videos':
        assert tuple(config.classes) == classes
    elif classes:
        assert tuple(data.metainfo.classes) == classes
    assert config.model.type == model
    assert 'error' not in printed
    assert main(['check-data', str(out), '--workers', '0']) == 0


def small(config: Config, work_dir: Path) -> Config:
    """The config, unchanged but for its size and length."""
    config.model.backbone.init_cfg = None
    config.model.backbone.arch = {
        'depths': [1, 1, 1, 1],
        'embed_dims': [64, 128, 320, 512],
        'head_dim': 64,
        'mlp_ratio': 2.0,
    }
    config.model.backbone.with_cp = False
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False, batch_size=2)
        shrink(loader.dataset.pipeline)
        loader.dataset.indices = 2
    if 'size' in config.model.data_preprocessor:
        config.model.data_preprocessor.size = (64, 64)
    if config.train_cfg.get('max_epochs'):
        config.train_cfg.update(max_epochs=1, val_interval=1)
    else:
        config.train_cfg.update(max_iters=1, val_interval=1)
    config.work_dir = str(work_dir)
    config.experiment_name = work_dir.name
    return config


def shrink(pipeline: Any) -> None:
    for step in pipeline:
        shrink(step.get('transforms', ()))
        for key in ('scale', 'crop_size'):
            if isinstance(step.get(key), int):
                step[key] = 32
            elif key in step and step.type != 'LoadImage':
                step[key] = (64, 64)


@pytest.mark.parametrize(
    'kind',
    [
        pytest.param('coco boxes', marks=pytest.mark.slow),
        pytest.param('masks of 0 and 255', marks=pytest.mark.slow),
        'keypoints',
        'videos',
        'lists of pictures',
    ],
)
def test_it_trains_and_validates(
    kind: str, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = init(kind, toy, tmp_path, capsys)
    config = small(Config.fromfile(out), tmp_path / 'work')
    runner = RUNNERS.build(config)
    runner.train()
    loss = runner.message_hub.get_scalar('train/loss').current()
    assert np.isfinite(loss)


def test_boxes_are_those_of_the_other_formats(
    toy: Path, tmp_path: Path
) -> None:
    """Whatever the format, COCO's numbers come out, to a pixel."""
    boxes = {}
    for kind in ('coco', 'voc', 'yolo', 'yolo polygons'):
        root = tmp_path / kind
        root.mkdir()
        FOLDERS[kind][1](toy, root)
        out = tmp_path / f'{kind.replace(" ", "_")}.py'
        write_config('detection', root, out)
        path = tmp_path / f'{out.stem}_data/annotations/train.json'
        content = json.loads(path.read_text())
        ids = {i['id']: Path(i['file_name']).stem for i in content['images']}
        boxes[kind] = sorted(
            (ids[a['image_id']][-6:], *a['bbox'])
            for a in content['annotations']
        )
    for kind in ('voc', 'yolo', 'yolo polygons'):
        assert [b[0] for b in boxes[kind]] == [b[0] for b in boxes['coco']]
        np.testing.assert_allclose(
            [b[1:] for b in boxes[kind]],
            [b[1:] for b in boxes['coco']],
            atol=1.01 if kind == 'voc' else 1e-3,
        )


@pytest.mark.parametrize('kind', ['masks of 0 and 255', 'coloured masks'])
def test_masks_become_labels(kind: str, toy: Path, tmp_path: Path) -> None:
    root = tmp_path / 'mine'
    root.mkdir()
    FOLDERS[kind][1](toy, root)
    write_config('segmentation', root, tmp_path / 'my.py')
    for path in (tmp_path / 'my_data/masks/images').iterdir():
        found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        drawn = cv2.imread(
            str(toy / 'masks/train' / path.name), cv2.IMREAD_UNCHANGED
        )
        expected = drawn if kind == 'coloured masks' else drawn > 0
        np.testing.assert_array_equal(found, expected)


def test_splits_are_drawn_by_a_seed(toy: Path, tmp_path: Path) -> None:
    root = tmp_path / 'mine'
    root.mkdir()
    own.make_masks(toy, root)
    lists = []
    for i, seed in enumerate((0, 0, 1)):
        out = tmp_path / f'my{i}.py'
        note = write_config(
            'segmentation', root, out, val_share=0.5, seed=seed
        ).notes[-1]
        assert f'3 of 6 were drawn for val (seed {seed})' in note
        folder = tmp_path / f'my{i}_data'
        parts = [
            (folder / f'{split}.txt').read_text().split()
            for split in ('train', 'val')
        ]
        assert not set(parts[0]) & set(parts[1])
        assert len({*parts[0], *parts[1]}) == 6
        lists.append(parts)
    assert lists[0] == lists[1] != lists[2]


def test_each_class_of_videos_is_validated(toy: Path, tmp_path: Path) -> None:
    own.make_videos(toy, tmp_path / 'mine')
    write_config('action', tmp_path / 'mine', tmp_path / 'my.py')
    lines = (tmp_path / 'my_data/val.txt').read_text().splitlines()
    assert {line.split('\t')[1] for line in lines} == {'0', '1', '2', '3'}


def test_mirrors_follow_from_names(toy: Path, tmp_path: Path) -> None:
    root = tmp_path / 'mine'
    root.mkdir()
    own.make_keypoints(toy, root)
    write_config('pose', root, tmp_path / 'my.py')
    config = Config.fromfile(tmp_path / 'my.py')
    assert config.keypoints == [
        ('apex', '', ''),
        ('left_foot', 'lower', 'right_foot'),
        ('right_foot', 'lower', 'left_foot'),
        ('center', '', ''),
    ]
    assert ('apex', 'left_foot') in config.links


def cut_json(root: Path) -> None:
    path = root / 'annotations/instances_train2017.json'
    path.write_text(path.read_text()[:100])


def other_class(root: Path) -> None:
    path = next((root / 'train/labels').glob('*.txt'))
    path.write_text('0 0.5 0.5 0.1 0.1\n9 0.5 0.5 0.1 0.1\n')


def pixels(root: Path) -> None:
    path = next((root / 'train/labels').glob('*.txt'))
    path.write_text('0 50 50 10 10\n')


def no_names(root: Path) -> None:
    (root / 'data.yaml').unlink()


def empty_picture(root: Path) -> None:
    next((root / 'train/images').iterdir()).write_bytes(b'')


def broken_xml(root: Path) -> None:
    next((root / 'Annotations').iterdir()).write_text('<annotation>')


def growing_xml(root: Path) -> None:
    entities = '<!ENTITY e0 "grows">' + ''.join(
        f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12)
    )
    next((root / 'Annotations').iterdir()).write_text(
        f'<!DOCTYPE a [{entities}]><annotation>&e11;</annotation>'
    )


def xml_of_another_file(root: Path) -> None:
    next((root / 'Annotations').iterdir()).write_text(
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
        '<annotation>&e;</annotation>'
    )


def one_video(root: Path) -> None:
    for folder in sorted(root.iterdir())[1:]:
        shutil.rmtree(folder)


def photographs(root: Path) -> None:
    path = next((root / 'masks').iterdir())
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3))
    cv2.imwrite(str(path), noise)


def too_few_names(root: Path) -> None:
    (root / 'classes.txt').write_text('none\ncircle\n')


@pytest.mark.parametrize(
    ('kind', 'harm', 'what'),
    [
        ('coco', cut_json, 'instances_train2017.json is no json'),
        ('yolo', other_class, r'txt: line 2: class 9, and there are 3'),
        ('yolo', pixels, r'line 1: coordinates must lie in \[0, 1\]'),
        ('yolo', no_names, 'no names of classes: add data.yaml'),
        ('yolo', empty_picture, "can't be read"),
        ('voc', broken_xml, 'xml is no xml'),
        ('voc', growing_xml, 'limit on input amplification'),
        ('voc', xml_of_another_file, 'undefined entity'),
        ('videos', one_video, 'for 2 classes or more, found'),
        ('label maps', photographs, 'are they photographs'),
        ('label maps', too_few_names, r'values \[2.*\], and there are 2 na'),
    ],
)
def test_what_can_not_be_trained_on_is_named_and_leaves_nothing(
    kind: str,
    harm: Callable[[Path], None],
    what: str,
    toy: Path,
    tmp_path: Path,
) -> None:
    task, make = FOLDERS[kind]
    root = tmp_path / 'mine'
    root.mkdir()
    make(toy, root)
    harm(root)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=what):
        write_config(task, root, tmp_path / 'my.py')
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ('task', 'what'),
    [
        ('detection', 'no annotations in'),
        ('segmentation', 'no pictures with masks in'),
        ('pose', 'no category with keypoints'),
        ('action', 'must have folders of videos'),
        ('classification', 'must have folders of pictures'),
    ],
)
def test_an_empty_folder(task: str, what: str, tmp_path: Path) -> None:
    (tmp_path / 'mine').mkdir()
    with pytest.raises(ValueError, match=what):
        write_config(task, tmp_path / 'mine', tmp_path / 'my.py')


def test_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown task 'boxes'; choose"):
        write_config('boxes', tmp_path, tmp_path / 'my.py')
    with pytest.raises(ValueError, match=r'out must end in \.py'):
        write_config('pose', tmp_path, tmp_path / 'my.txt')
    with pytest.raises(ValueError, match='val_share must lie in'):
        write_config('pose', tmp_path, tmp_path / 'my.py', val_share=1)
    with pytest.raises(FileNotFoundError, match='no folder'):
        write_config('pose', tmp_path / 'no', tmp_path / 'my.py')
    (tmp_path / 'my_data').mkdir()
    with pytest.raises(FileExistsError, match='my_data is there'):
        write_config('pose', tmp_path, tmp_path / 'my.py')
    with pytest.raises(FileExistsError, match='my_data has your data'):
        write_config('pose', tmp_path / 'my_data', tmp_path / 'my.py')
