"""RandAugment of clips, and several augmentations of one decoded clip.

Official code: github.com/Sense-X/UniFormer at 52a0415,
``video_classification/slowfast/datasets/{kinetics,rand_augment}.py``,
Apache-2.0, which is timm's for lists of frames; here it is timm's own.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import Compose

from uniformer_mm.checks import check_count
from uniformer_mm.hosts import import_extra
from uniformer_mm.registry import TRANSFORMS

__all__ = ['RandAugment', 'RepeatAugment']

FILL = (128, 128, 128)


@TRANSFORMS.register_module()
class RandAugment:
    """timm's RandAugment: the same operations for all frames of a clip.

    Bicubic, with level 128 where a frame was moved away; each operation with
    probability 0.5. Meant for whole decoded frames, before cropping.

    Takes and gives ``imgs``, frames (H, W, 3), uint8.

    Args:
        policy (str): In timm's spelling: ``mM`` magnitude of 10, ``nN``
            operations, ``mstdS`` deviation of the magnitude, ``inc1``
            operations that grow with it. Defaults to
            'rand-m7-n4-mstd0.5-inc1'.

    Raises:
        ImportError: No timm.
        TypeError: On a call: frames that are not uint8.
        ValueError: timm does not know the ``policy``.
    """

    def __init__(self, policy: str = 'rand-m7-n4-mstd0.5-inc1') -> None:
        timm = import_extra('timm.data.auto_augment')
        image = import_extra('PIL.Image')
        hparams = {
            'interpolation': image.Resampling.BICUBIC,
            'img_mean': FILL,
        }
        try:
            self.augment = timm.rand_augment_transform(policy, hparams)
        except (AssertionError, AttributeError, ValueError) as error:
            raise ValueError(
                "policy must be 'rand' and sections as timm knows them, such "
                f"as 'rand-m7-n4-mstd0.5-inc1', got {policy!r}"
            ) from error
        self.policy = policy
        self.to_image = image.fromarray

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Augment one clip."""
        if any(frame.dtype != np.uint8 for frame in results['imgs']):
            raise TypeError(
                'RandAugment takes uint8 frames, got '
                f'{results["imgs"][0].dtype}; put it in front of FloatResize'
            )
        # timm draws from both generators, anew for each image.
        states = random.getstate(), np.random.get_state()
        frames = []
        for frame in results['imgs']:
            random.setstate(states[0])
            np.random.set_state(states[1])
            frames.append(np.array(self.augment(self.to_image(frame))))
        results['imgs'] = frames
        return results


@TRANSFORMS.register_module()
class RepeatAugment:
    """Augment the same decoded clip several times; the end of a pipeline.

    Gives a list of samples, which ``collate_fn=dict(type=
    'repeat_pseudo_collate')`` of mmaction2 joins: batches are that many times
    larger. mmaction2's ``RepeatAugDataset`` reads videos alone, no frames.

    Args:
        transforms (Sequence[Mapping]): Configs of transforms, the last of
            which packs the sample.
        num_repeats (int): Samples per clip, >= 1. Defaults to 2.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: ``num_repeats`` is below 1.
    """

    def __init__(
        self, transforms: Sequence[Mapping[str, Any]], num_repeats: int = 2
    ) -> None:
        check_count('num_repeats', num_repeats)
        if isinstance(transforms, (str, Mapping)):
            raise TypeError(
                'transforms must be a list of transforms, got '
                f'{type(transforms).__name__}'
            )
        self.transforms = Compose(transforms)
        self.num_repeats = num_repeats

    def __call__(self, results: dict[str, Any]) -> list[Any]:
        """Run the transforms ``num_repeats`` times."""
        # Copies, because some transforms write into the frames.
        return [
            self.transforms(copy.deepcopy(results))
            for _ in range(self.num_repeats)
        ]
