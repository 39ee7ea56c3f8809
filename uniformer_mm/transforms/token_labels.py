"""Dense labels: reading them, and moving them along with their picture.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``image_classification/token_labeling/tlt/data/``, Apache-2.0; re-implemented
from the published facts, over timm's operations.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uniformer_mm.checks import check_count, check_range
from uniformer_mm.hosts import import_extra
from uniformer_mm.registry import TRANSFORMS
from uniformer_mm.transforms.pictures import timm_policy, to_bgr, to_picture

__all__ = ['LoadTokenLabels', 'TokenLabelAugment', 'label_path']

# Operations of timm that move pixels; the others change colours.
MOVES = ('Rotate', 'ShearX', 'ShearY', 'TranslateXRel', 'TranslateYRel')


def label_path(root: str | os.PathLike[str], picture: str) -> Path:
    """Where the label map of a picture is: ROOT/FOLDER/STEM.pt."""
    path = Path(picture)
    return Path(root) / path.parent.name / f'{path.name.split(".")[0]}.pt'


@TRANSFORMS.register_module()
class LoadTokenLabels:
    """Read the label map of a picture.

    Takes ``img_path`` .../FOLDER/STEM.EXT; gives ``token_labels``
    (2, K, h, w), float32: the K best scores at each place, and their classes.

    Args:
        label_root (str | PathLike): Folder of the maps, FOLDER/STEM.pt below
            it, as their authors publish them.

    Raises:
        FileNotFoundError: On a call, there is no map of this picture.
        ValueError: On a call, a file that is no label map.
    """

    def __init__(self, label_root: str | os.PathLike[str]) -> None:
        self.label_root = Path(label_root).expanduser()

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Read one map."""
        path = label_path(self.label_root, results['img_path'])
        if not path.is_file():
            raise FileNotFoundError(
                f'no label map {path} for {results["img_path"]}; see '
                f'label_root={str(self.label_root)!r} of LoadTokenLabels'
            )
        try:
            labels = torch.load(path, map_location='cpu', weights_only=True)
        except (EOFError, OSError, RuntimeError, UnpicklingError) as error:
            raise ValueError(f'{path} is no label map: {error}') from error
        shape = tuple(getattr(labels, 'shape', ()))
        if len(shape) != 4 or shape[0] != 2:
            raise ValueError(
                f'{path} must hold a tensor (2, K, h, w), scores and classes, '
                f'got {type(labels).__name__} {shape}'
            )
        results['token_labels'] = labels.float()
        return results

    def missing(self, pictures: Iterable[str]) -> list[Path]:
        """Paths of the maps that are not there, of those for ``pictures``."""
        present: dict[Path, set[str]] = {}
        missing = []
        for picture in pictures:
            path = label_path(self.label_root, picture)
            folder = path.parent
            if folder not in present:
                # One look at a folder, not one at each of a million files.
                there = os.listdir(folder) if folder.is_dir() else []
                present[folder] = set(there)
            if path.name not in present[folder]:
                missing.append(path)
        return missing


@TRANSFORMS.register_module()
class TokenLabelAugment:
    """Augment and crop a picture, and its label map in the same way.

    timm's RandAugment, then a random crop, bilinear or bicubic by chance.
    Before them goes mmpretrain's ``RandomFlip``.

    NOTE: places of the map that move in from outside, and such between two
    places, are found as PIL does, and not as scipy does.

    Takes ``img`` (H, W, 3), uint8, B G R, ``flip`` and ``token_labels``
    (2, K, h, w); gives ``img`` (size, size, 3), ``token_labels`` of the whole
    augmented picture, and ``crop_box`` (4,), float32: what of it ``img``
    shows, x1, y1, x2, y2 in parts of its sides.

    Args:
        size (int): Side of the crop in pixels, >= 1. Defaults to 224.
        policy (str): RandAugment in timm's spelling. Defaults to
            'rand-m9-mstd0.5-inc1'.
        area (Sequence[float]): Range of the crop's part of the picture.
            Defaults to (0.08, 1).
        aspect (Sequence[float]): Range of its width over its height. Defaults
            to (3/4, 4/3).

    Raises:
        ImportError: No timm.
        TypeError: An argument is of the wrong type; on a call, a picture that
            is not uint8.
        ValueError: An argument breaks its rule.
    """

    def __init__(
        self,
        size: int = 224,
        policy: str = 'rand-m9-mstd0.5-inc1',
        area: Sequence[float] = (0.08, 1.0),
        aspect: Sequence[float] = (3 / 4, 4 / 3),
    ) -> None:
        check_count('size', size)
        check_range('area', area)
        check_range('aspect', aspect)
        if not policy.startswith('rand'):
            raise ValueError(
                f"policy must begin with 'rand', got {policy!r}: label maps "
                'follow RandAugment alone'
            )
        self.augment = timm_policy(policy, size, 'random')
        self.size = size
        self.area = tuple(area)
        self.aspect = tuple(aspect)
        cropping = import_extra('timm.data.transforms')
        self.crop = cropping.RandomResizedCropAndInterpolation.get_params
        self.image = import_extra('PIL.Image')

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Augment one picture."""
        labels: Tensor = results['token_labels']
        if results.get('flip'):
            labels = labels.flip(3)
        picture = to_picture(results['img'], 'TokenLabelAugment')
        picture, labels = self._randaugment(picture, labels)
        width, height = picture.size
        top, left, h, w = self.crop(picture, self.area, self.aspect)
        right, bottom = left + w, top + h
        resampling = self.image.Resampling
        picture = picture.crop((left, top, right, bottom)).resize(
            (self.size, self.size),
            random.choice((resampling.BILINEAR, resampling.BICUBIC)),
        )
        results['img'] = to_bgr(picture)
        results['img_shape'] = (self.size, self.size)
        results['token_labels'] = labels
        results['crop_box'] = torch.tensor(
            [left / width, top / height, right / width, bottom / height]
        )
        return results

    def _randaugment(self, picture: Any, labels: Tensor) -> tuple[Any, Tensor]:
        augment = self.augment
        chosen = np.random.choice(
            augment.ops,
            augment.num_layers,
            replace=augment.choice_weights is None,
            p=augment.choice_weights,
        )
        for operation in chosen:
            state = random.getstate()
            picture = operation(picture)
            if operation.name in MOVES:
                after = random.getstate()
                labels = self._moved(operation, labels, state)
                random.setstate(after)
        return picture, labels

    def _moved(self, operation: Any, labels: Tensor, state: Any) -> Tensor:
        """Do the same to each plane: of places from outside, scores are 0."""
        settings = operation.kwargs
        operation.kwargs = {
            'fillcolor': 0,
            'resample': self.image.Resampling.NEAREST,
        }
        planes = []
        try:
            for plane in labels.flatten(0, 1).numpy():
                random.setstate(state)
                planes.append(
                    np.asarray(operation(self.image.fromarray(plane)))
                )
        finally:
            operation.kwargs = settings
        return torch.from_numpy(np.stack(planes)).view_as(labels)
