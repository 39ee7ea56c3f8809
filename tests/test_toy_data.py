from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from uniformer_mm.cli.main import main
from uniformer_mm.toy_data import CLASSES, ToyDataSpec, make_toy_data

SPEC = ToyDataSpec(train=6, val=3, size=96)


def digest(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }


def test_it_is_the_same_every_time_and_kept(tmp_path: Path) -> None:
    assert make_toy_data(tmp_path / 'a', SPEC) is True
    assert make_toy_data(tmp_path / 'b', SPEC) is True
    first = digest(tmp_path / 'a')
    assert first == digest(tmp_path / 'b')
    assert len(first) == 6 + 3 + 2
    assert make_toy_data(tmp_path / 'a', SPEC) is False
    assert digest(tmp_path / 'a') == first


def test_more_images_leave_the_first_as_they_were(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'a', SPEC)
    make_toy_data(tmp_path / 'b', ToyDataSpec(train=8, val=3, size=96))
    a, b = digest(tmp_path / 'a'), digest(tmp_path / 'b')
    assert b['train/000005.jpg'] == a['train/000005.jpg']
    assert a['train/000000.jpg'] != a['val/000000.jpg']


@pytest.mark.parametrize('split', ['train', 'val'])
def test_annotations_fit_the_pictures(tmp_path: Path, split: str) -> None:
    make_toy_data(tmp_path / 'toy', ToyDataSpec(train=20, val=20, size=128))
    coco = COCO(
        str(tmp_path / 'toy' / 'annotations' / f'instances_{split}.json')
    )
    names = [c['name'] for c in coco.loadCats(coco.getCatIds())]
    assert tuple(names) == CLASSES
    assert {a['category_id'] for a in coco.anns.values()} == {1, 2, 3}
    for image in coco.imgs.values():
        path = tmp_path / 'toy' / split / image['file_name']
        pixels = cv2.imread(str(path)).astype(float)
        assert pixels.shape == (image['height'], image['width'], 3)
        annotations = coco.loadAnns(coco.getAnnIds(image['id']))
        assert 1 <= len(annotations) <= 4
        masks = [coco.annToMask(a).astype(bool) for a in annotations]
        assert np.sum(masks, axis=0).max() == 1  # nothing overlaps
        ground = pixels[~np.any(masks, axis=0)].mean(0)
        for annotation, mask in zip(annotations, masks, strict=True):
            ys, xs = np.nonzero(mask)
            x, y, w, h = annotation['bbox']
            box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            assert np.abs(np.subtract(box, (x, y, x + w, y + h))).max() <= 1
            assert annotation['area'] == pytest.approx(mask.sum(), rel=0.1)
            # The shape is where the mask says: another colour than around.
            color = pixels[mask].mean(0)
            assert np.abs(color - ground).max() > 30


def test_another_data_set_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / 'mine.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='is not this toy data set'):
        make_toy_data(tmp_path, SPEC)
    assert [p.name for p in tmp_path.iterdir()] == ['mine.txt']


def test_other_settings_are_refused(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'toy', SPEC)
    before = digest(tmp_path / 'toy')
    with pytest.raises(FileExistsError, match='name another folder'):
        make_toy_data(tmp_path / 'toy', ToyDataSpec(train=7, val=3, size=96))
    assert digest(tmp_path / 'toy') == before


def test_a_set_that_lost_an_image_is_not_kept(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'toy', SPEC)
    (tmp_path / 'toy' / 'train' / '000003.jpg').unlink()
    with pytest.raises(FileExistsError, match='is not this toy data set'):
        make_toy_data(tmp_path / 'toy', SPEC)


def test_the_shapes_are_pinned(tmp_path: Path) -> None:
    """The drawing of JPEG files may differ by library, the shapes may not."""
    make_toy_data(tmp_path / 'toy', SPEC)
    text = (tmp_path / 'toy/annotations/instances_val.json').read_bytes()
    assert hashlib.sha256(text).hexdigest().startswith('739acfa5f73d2862')


def test_an_interrupted_run_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(10))
    write = Path.write_bytes

    def fail_at_the_third(self: Path, data: bytes) -> int:
        if next(calls) == 2:
            raise OSError(28, 'No space left on device')
        return write(self, data)

    monkeypatch.setattr(Path, 'write_bytes', fail_at_the_third)
    with pytest.raises(OSError, match='No space left'):
        make_toy_data(tmp_path / 'toy', SPEC)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('numbers', 'message'),
    [
        ({'train': 0}, 'train must be at least 1, got 0'),
        ({'val': 0}, 'val must be at least 1, got 0'),
        ({'size': 63}, 'size must be at least 64, got 63'),
        ({'seed': -1}, 'seed must not be negative, got -1'),
    ],
)
def test_bad_numbers(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToyDataSpec(**numbers)


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / 'toy'
    words = ['toy-data', str(root), '--train', '2', '--val', '1']
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f'made {root}: 2 training')
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f'kept {root}')
    assert main([*words, '--seed', '1']) == 1
    assert 'is not this toy data set' in capsys.readouterr().err
    annotations = root / 'annotations' / 'instances_train.json'
    data = json.loads(annotations.read_text())
    assert data['info']['spec'] == {
        'train': 2,
        'val': 1,
        'size': 128,
        'seed': 0,
    }
