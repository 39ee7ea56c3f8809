"""Transforms of the paper's recipes that the hosts have not.

Importing this registers them; hosts and timm are imported when one that
needs them is made.
"""

from uniformer_mm.transforms.augment import RandAugment, RepeatAugment
from uniformer_mm.transforms.blending import MixupCutmix
from uniformer_mm.transforms.decoding import (
    FramesDecode,
    VideoDecode,
    VideoInit,
)
from uniformer_mm.transforms.frames import FloatResize, RandomErase, RGBToBGR
from uniformer_mm.transforms.pictures import PictureAugment
from uniformer_mm.transforms.pose import FixedBoxShift, RandomBoxScaleRotation
from uniformer_mm.transforms.sampling import DenseSample
from uniformer_mm.transforms.token_labels import (
    LoadTokenLabels,
    TokenLabelAugment,
)

__all__ = [
    'DenseSample',
    'FixedBoxShift',
    'FloatResize',
    'FramesDecode',
    'LoadTokenLabels',
    'MixupCutmix',
    'PictureAugment',
    'RGBToBGR',
    'RandAugment',
    'RandomBoxScaleRotation',
    'RandomErase',
    'RepeatAugment',
    'TokenLabelAugment',
    'VideoDecode',
    'VideoInit',
]
