"""Classification data that can't be trained on is named, before a step."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.registry import RUNNERS

from tests.support.one_step import to_one_small_step
from tests.support.recipe import load_config
from tests.support.weight_files import as_nobody
from uniformer_mm.engine.class_data import require_class_folders

TINY = {'depths': (1, 1, 1, 1), 'embed_dims': (8, 8, 16, 16), 'head_dim': 8}
TASK = 'classification'


def folders(root: Path, *names: str) -> dict[str, Any]:
    for name in names:
        (root / 'train' / name).mkdir(parents=True)
        (root / 'train' / name / 'a.jpg').touch()
    return {'type': 'ImageNet', 'data_root': str(root), 'split': 'train'}


def test_another_number_of_folders(tmp_path: Path) -> None:
    part = folders(tmp_path, *'abcdefg')
    match = r'train has 7 folders \(a, b, c, d, e, f, g\), .* 1000 classes.*'
    with pytest.raises(ValueError, match=match + 'CustomDataset'):
        require_class_folders(part)
    custom = {**part, 'type': 'mmpretrain.CustomDataset', 'split': None}
    custom['data_prefix'] = 'train'
    require_class_folders(custom)
    require_class_folders({**custom, 'metainfo': {'classes': list('abcdefg')}})
    with pytest.raises(ValueError, match=r'has 7 folders .* has 1 classes'):
        require_class_folders({**custom, 'metainfo': {'classes': ['a']}})
    # What the host reads otherwise.
    require_class_folders({**part, 'ann_file': 'list.txt'})
    require_class_folders({**part, 'with_label': False})
    require_class_folders({**part, 'type': 'CIFAR10'})
    (tmp_path / 'meta').mkdir()
    (tmp_path / 'meta/train.txt').touch()
    require_class_folders(part)


def test_no_folder_and_no_file(tmp_path: Path) -> None:
    part = folders(tmp_path, 'a')
    with pytest.raises(FileNotFoundError, match=r'no folder .*val\. A class'):
        require_class_folders({**part, 'split': 'val'})
    (tmp_path / 'train/a/a.jpg').unlink()
    with pytest.raises(ValueError, match=r'no folder below .* has a picture'):
        require_class_folders(part)


def link(root: Path) -> None:
    (root / 'train/b/gone.jpg').symlink_to(root / 'nowhere.jpg')


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (link, r'1 links below .*train lead nowhere \(b/gone\.jpg\)'),
        (
            lambda root: (root / 'train/b/x.webp').touch(),
            r'1 pictures below .* are not read \(b/x\.webp\): .*\.jpeg',
        ),
        (
            lambda root: (root / 'train/.cache').mkdir(),
            r'hidden folders \(\.cache\), which the host takes for classes',
        ),
        (
            lambda root: (root / 'train/c').mkdir(),
            r'has 3 folders \(a, b, c\), the data set has 2 classes',
        ),
        (
            lambda root: shutil.rmtree(root / 'train/b'),
            r'has 1 folders \(a\), the data set has 2 classes',
        ),
    ],
)
def test_what_the_host_would_leave_out_or_take_in(
    damage: Callable[[Path], Any], message: str, tmp_path: Path
) -> None:
    part = folders(tmp_path, 'a', 'b')
    part = {**part, 'type': 'CustomDataset', 'data_prefix': 'train'}
    part['metainfo'] = {'classes': ['a', 'b']}
    require_class_folders(part)
    damage(tmp_path)
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        require_class_folders(part)


def test_pictures_in_other_letters_and_deeper_folders(tmp_path: Path) -> None:
    part = folders(tmp_path, 'a', 'b')
    for name in ('a/a.jpg', 'b/a.jpg'):
        (tmp_path / 'train' / name).unlink()
    (tmp_path / 'train/a/deep').mkdir()
    (tmp_path / 'train/a/deep/A.JPEG').touch()
    (tmp_path / 'train/b/.DS_Store').touch()
    (tmp_path / 'train/b/notes.txt').touch()
    part['metainfo'] = {'classes': ['a', 'b']}
    require_class_folders(part)


def test_classes_in_another_order_than_the_folders(tmp_path: Path) -> None:
    part = folders(tmp_path, 'cat', 'dog')
    part['metainfo'] = {'classes': ['dog', 'cat']}
    with pytest.raises(ValueError, match=r'are dog, cat, .* cat, dog: list'):
        require_class_folders(part)
    # Names that people read, in the order of folders of other names.
    part['metainfo'] = {'classes': ['a cat', 'a dog']}
    require_class_folders(part)


@pytest.mark.parametrize(
    ('line', 'fits'),
    [
        ('n01/a b.JPEG 999', True),
        ('', True),
        ('n01/a.JPEG', False),
        ('n01/a.JPEG 1000', False),
        ('n01/a.JPEG -1', False),
        ('n01/a.JPEG,3', False),
    ],
)
def test_a_list_of_pictures(line: str, fits: bool, tmp_path: Path) -> None:
    part = folders(tmp_path, 'a')
    (tmp_path / 'meta').mkdir()
    (tmp_path / 'meta/train.txt').write_text(f'n01/first.JPEG 0\n{line}\n')
    if fits:
        require_class_folders(part)
        return
    with pytest.raises(ValueError, match=r'train\.txt, line 2: .* 0 to 999'):
        require_class_folders(part)


@pytest.mark.parametrize('closed', ['train', 'train/b'])
def test_an_unreadable_folder(closed: str, tmp_path: Path) -> None:
    part = folders(tmp_path, 'a', 'b')
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent == Path(gettempdir()):
            break
        parent.chmod(0o755)
    (tmp_path / closed).chmod(0o000)
    try:
        with as_nobody(), pytest.raises(PermissionError, match='chmod'):
            require_class_folders(part)
    finally:
        (tmp_path / closed).chmod(0o755)


def small_runner(config: Config, data: Path, work_dir: Path) -> Any:
    pytest.importorskip('mmpretrain')
    to_one_small_step(config, TASK, data)
    config.model.backbone.update(arch=TINY, init_cfg=None)
    config.model.head.in_channels = 16
    config.work_dir = str(work_dir)
    config.experiment_name = work_dir.name
    return RUNNERS.build(config)


def test_a_head_of_other_classes(few_shapes: Path, tmp_path: Path) -> None:
    config = load_config(TASK, 'uniformer-s_toy')
    runner = small_runner(config, few_shapes, tmp_path)
    runner.model.head.num_classes = 1000
    match = (
        r'num_classes=1000, the data set has 3 classes \(circle, square, '
        r'triangle\): set model\.head\.num_classes'
    )
    for go in (runner.train, runner.test):
        with pytest.raises(ValueError, match=match):
            go()


def test_missing_label_maps(few_shapes: Path, tmp_path: Path) -> None:
    pytest.importorskip('timm')
    data = Path(shutil.copytree(few_shapes, tmp_path / 'toy'))
    config = load_config(TASK, 'token-labeling_uniformer-s_310e_in1k')
    config.model.backbone.head_dim = 8
    runner = small_runner(config, data, tmp_path / 'work')
    runner.train()
    loss = runner.message_hub.get_scalar('train/loss_tokens').current()
    assert torch.isfinite(torch.as_tensor(loss))
    (data / 'token_labels/circle/000000.pt').unlink()
    shutil.rmtree(data / 'token_labels/square')
    config.experiment_name = 'again'
    with pytest.raises(FileNotFoundError) as error:
        RUNNERS.build(config).train()
    told = str(error.value)
    assert told.startswith('2 of 4 pictures have no label map')
    assert 'circle/000000.pt' in told
    assert 'label_root' in told
