"""Augmentation of pictures, and of label maps with them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from uniformer_mm.transforms import (
    LoadTokenLabels,
    PictureAugment,
    RandomErase,
    TokenLabelAugment,
)

pytest.importorskip('timm')

BLUE = np.zeros((40, 48, 3), np.uint8)
BLUE[..., 0] = 200  # B G R


def seed(number: int) -> None:
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


@pytest.mark.parametrize('policy', ['rand-m9-mstd0.5-inc1', 'v0'])
def test_it_is_timms_on_rgb(policy: str) -> None:
    from PIL import Image
    from timm.data.auto_augment import (
        auto_augment_transform,
        rand_augment_transform,
    )

    make = rand_augment_transform if '-' in policy else auto_augment_transform
    settings = {
        'translate_const': int(128 * 0.45),
        'img_mean': (124, 116, 104),
        'interpolation': Image.Resampling.BICUBIC,
    }
    theirs, ours = make(policy, settings), PictureAugment(policy, size=128)
    changed = 0
    for number in range(8):
        seed(number)
        got = ours({'img': BLUE.copy()})['img']
        seed(number)
        rgb = Image.fromarray(np.ascontiguousarray(BLUE[..., ::-1]))
        assert np.array_equal(got[..., ::-1], np.asarray(theirs(rgb)))
        changed += not np.array_equal(got, BLUE)
    assert changed


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'policy': 'nothing'}, r"one of \('original', .*, or 'rand'"),
        ({'size': 0}, 'size must be >= 1'),
        ({'interpolation': 'nearest'}, "'bicubic' or 'random'"),
    ],
)
def test_bad_arguments(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PictureAugment(**settings)


def test_float_pictures_are_refused() -> None:
    with pytest.raises(TypeError, match='in front of RandomErase'):
        PictureAugment()({'img': BLUE.astype(np.float32)})


def test_erased_pictures_are_float_as_the_others() -> None:
    seed(0)
    for prob in (0, 1):
        erase = RandomErase(prob, mean=(1, 2, 3), std=(1, 1, 1))
        out = erase({'img': BLUE.copy()})['img']
        assert out.dtype == np.float32
        assert np.array_equal(out, BLUE) is (prob == 0)


def picture_and_map() -> dict[str, Any]:
    """A picture whose right half is bright, and a map that says so."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 255
    classes = torch.zeros(1, 16, 16)
    classes[..., 8:] = 1
    return {
        'img': picture,
        'token_labels': torch.stack([torch.full_like(classes, 9.0), classes]),
    }


def test_the_map_goes_with_the_picture() -> None:
    """Wherever the map says 1, the picture is bright, and nowhere else."""
    augment = TokenLabelAugment(size=64, area=(1, 1), aspect=(1, 1))
    names = ('Rotate', 'ShearX', 'ShearY', 'TranslateXRel', 'TranslateYRel')
    augment.augment.ops = [
        op for op in augment.augment.ops if op.name in names
    ]
    moved = 0
    for number in range(20):
        seed(number)
        results = picture_and_map()
        results['flip'] = number % 2 == 0
        if results['flip']:
            results['img'] = results['img'][:, ::-1]
        out = augment(results)
        scores, classes = out['token_labels'][:, 0]
        places = out['img'][2::4, 2::4, 0].astype(int)
        inside = scores.numpy() > 0
        # Between two places of the map, and at the border, both are possible.
        bright = np.where(places > 160, 1, 0)
        sure = inside & ((places > 200) | (places < 60))
        wrong = (bright != classes.numpy()) & sure
        assert wrong.mean() < 0.06, number
        moved += not np.array_equal(
            classes.numpy(), picture_and_map()['token_labels'][1, 0].numpy()
        )
        assert out['crop_box'].tolist() == [0, 0, 1, 1]
    assert moved > 10


def test_the_crop_is_told() -> None:
    augment = TokenLabelAugment(size=32, area=(0.2, 0.3))
    augment.augment.num_layers = 0
    for number in range(5):
        seed(number)
        picture = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
        results = picture_and_map()
        results['img'] = np.stack([picture] * 3, -1)
        out = augment(results)
        left, _, right, _ = (out['crop_box'] * 64 * 4).tolist()
        row = out['img'][16, :, 0].astype(float)
        assert row[0] == pytest.approx(left, abs=8)
        assert row[-1] == pytest.approx(right, abs=8)
        assert out['img'].shape == (32, 32, 3)


def test_label_maps_are_read(tmp_path: Path) -> None:
    (tmp_path / 'n01').mkdir()
    torch.save(torch.ones(2, 5, 3, 3).half(), tmp_path / 'n01/a_1.pt')
    torch.save(torch.ones(3), tmp_path / 'n01/b.pt')
    (tmp_path / 'n01/c.pt').write_text('no tensor')
    load = LoadTokenLabels(tmp_path)
    labels = load({'img_path': 'train/n01/a_1.JPEG'})['token_labels']
    assert (labels.shape, labels.dtype) == ((2, 5, 3, 3), torch.float32)
    with pytest.raises(ValueError, match=r'\(2, K, h, w\), .* got Tensor \(3'):
        load({'img_path': 'n01/b.JPEG'})
    with pytest.raises(ValueError, match='no label map'):
        load({'img_path': 'n01/c.JPEG'})
    with pytest.raises(FileNotFoundError, match='label_root'):
        load({'img_path': 'n01/d.JPEG'})
    assert load.missing(['n01/a_1.JPEG', 'n01/d.jpg', 'x/a.jpg']) == [
        tmp_path / 'n01/d.pt',
        tmp_path / 'x/a.pt',
    ]
