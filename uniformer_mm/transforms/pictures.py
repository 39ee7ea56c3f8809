"""timm's RandAugment and AutoAugment of pictures, for mmpretrain.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``image_classification/datasets.py``, Apache-2.0, which takes timm's; so does
this.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from uniformer_mm.checks import check_count
from uniformer_mm.hosts import import_extra
from uniformer_mm.registry import TRANSFORMS

__all__ = ['PictureAugment', 'timm_policy', 'to_bgr', 'to_picture']

FILL = (124, 116, 104)  # ImageNet's mean, R G B, as timm rounds it
TRANSLATION = 0.45  # largest one, of the size
AUTO_POLICIES = ('original', 'originalr', 'v0', 'v0r')


@TRANSFORMS.register_module()
class PictureAugment:
    """timm's augmentation of a picture.

    mmpretrain's own RandAugment and AutoAugment have other operations and
    ranges. ImageNet's mean fills what moves in from outside.

    Takes and gives ``img`` (H, W, 3), uint8, B G R.

    Args:
        policy (str): 'rand-...' in timm's spelling, or an AutoAugment policy
            that it knows: 'original', 'originalr', 'v0' or 'v0r'. Defaults to
            'rand-m9-mstd0.5-inc1'.
        size (int): Side of the picture in pixels, of which absolute
            translations are a part; >= 1. Defaults to 224.
        interpolation (str): 'bicubic', or 'random': bilinear or bicubic by
            chance. Defaults to 'bicubic'.

    Raises:
        ImportError: No timm.
        TypeError: ``size`` is no int; on a call, a picture that is not uint8.
        ValueError: timm does not know the ``policy``; ``size`` is below 1.
    """

    def __init__(
        self,
        policy: str = 'rand-m9-mstd0.5-inc1',
        size: int = 224,
        interpolation: str = 'bicubic',
    ) -> None:
        self.augment = timm_policy(policy, size, interpolation)
        self.policy = policy

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Augment one picture."""
        picture = to_picture(results['img'], 'PictureAugment')
        results['img'] = to_bgr(self.augment(picture))
        return results


def timm_policy(policy: str, size: int, interpolation: str) -> Any:
    """Return timm's augmentation of a PIL picture.

    Raises:
        ImportError, TypeError, ValueError: As ``PictureAugment``.
    """
    check_count('size', size)
    if interpolation not in ('bicubic', 'random'):
        raise ValueError(
            "interpolation must be 'bicubic' or 'random', got "
            f'{interpolation!r}'
        )
    timm = import_extra('timm.data.auto_augment')
    image = import_extra('PIL.Image')
    settings: dict[str, Any] = {
        'translate_const': int(size * TRANSLATION),
        'img_mean': FILL,
    }
    if interpolation == 'bicubic':
        settings['interpolation'] = image.Resampling.BICUBIC
    try:
        if policy in AUTO_POLICIES:
            return timm.auto_augment_transform(policy, settings)
        return timm.rand_augment_transform(policy, settings)
    except (AssertionError, AttributeError, ValueError) as error:
        raise ValueError(
            f"policy must be one of {AUTO_POLICIES}, or 'rand' and sections "
            "as timm knows them, such as 'rand-m9-mstd0.5-inc1', got "
            f'{policy!r}'
        ) from error


def to_picture(image: np.ndarray[Any, Any], user: str) -> Any:
    """Return a PIL picture, R G B, of (H, W, 3), uint8, B G R.

    Raises:
        TypeError: ``image`` is not uint8; ``user`` is who needs it.
    """
    if image.dtype != np.uint8:
        raise TypeError(
            f'{user} takes uint8 pictures, got {image.dtype}; put it in front '
            'of RandomErase'
        )
    return import_extra('PIL.Image').fromarray(
        np.ascontiguousarray(image[..., ::-1])
    )


def to_bgr(picture: Any) -> np.ndarray[Any, Any]:
    """Return (H, W, 3), uint8, B G R, of a PIL picture."""
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])
