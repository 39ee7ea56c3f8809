"""The networks of models of the hosts, as they are exported: tensors alone.

Detectors have a file of their own, ``detector``.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    'BackboneNetwork',
    'ClassifierNetwork',
    'EstimatorNetwork',
    'Network',
    'RecognizerNetwork',
    'SegmentorNetwork',
    'refuse',
]

# By the class that has the forward; those derived from it give the same.
POSE_OUTPUTS = {
    'HeatmapHead': ('heatmaps',),
    'SimCCHead': ('simcc_x', 'simcc_y'),
    'RTMCCHead': ('simcc_x', 'simcc_y'),
}


class Network(Protocol):
    """A module that is exported, and what it has to equal.

    Attributes:
        outputs: Names of what ``forward`` gives.
        dynamic: Axes of the input that may have any length, but for its
            first, the batch, which always may.
    """

    outputs: tuple[str, ...]
    dynamic: tuple[int, ...]

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs."""

    @staticmethod
    def reference(model: Any, x: Tensor) -> tuple[Tensor, ...]:
        """Compute them as the host does, with its model and its code."""


def refuse(model: Any, what: str) -> None:
    """Raise ``ValueError``: this model has no form for export."""
    raise ValueError(
        f"{what} of {type(model).__name__} can't be exported; export the "
        'backbone alone (--backbone)'
    )


class BackboneNetwork(nn.Module):
    """The backbone of any model: (N, C, [T,] H, W) -> a map per stage."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.backbone = model.backbone
        stages = getattr(self.backbone, 'out_indices', None) or (3,)
        self.outputs = tuple(f'stage{i + 1}' for i in stages)
        ndim = getattr(self.backbone, 'ndim', 2)
        self.dynamic = (ndim, ndim + 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps."""
        return self.reference(self, x)

    @staticmethod
    def reference(model: Any, x: Tensor) -> tuple[Tensor, ...]:
        """Compute them by the backbone itself."""
        maps = model.backbone(x)
        return maps if isinstance(maps, tuple) else (maps,)


class SegmentorNetwork(nn.Module):
    """A segmentor: (N, 3, H, W) -> logits (N, classes, H, W).

    Raises:
        ValueError: It has a head that gives more than logits.
    """

    outputs = ('logits',)
    dynamic = (2, 3)

    def __init__(self, model: Any) -> None:
        from mmseg.models.decode_heads.decode_head import BaseDecodeHead

        super().__init__()
        head: Any = model.decode_head
        kind = type(head)
        if getattr(kind, 'predict', None) is not BaseDecodeHead.predict:
            refuse(model, f'the head {kind.__name__}')
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute logits of the size of the input."""
        head: Any = self.model.decode_head
        logits = head(self.model.extract_feat(x))
        logits = F.interpolate(
            logits,
            x.shape[2:],
            mode='bilinear',
            align_corners=head.align_corners,
        )
        return (logits,)

    @staticmethod
    def reference(model: Any, x: Tensor) -> tuple[Tensor, ...]:
        """Compute them as mmseg's test does."""
        size = tuple(x.shape[2:])
        meta = {'img_shape': size, 'pad_shape': size}
        return (model.encode_decode(x, [meta] * len(x)),)


class EstimatorNetwork(nn.Module):
    """A top-down pose estimator: (N, 3, H, W) -> heatmaps, or SimCC's rows.

    Raises:
        ValueError: It has a head that gives neither.
    """

    dynamic = ()  # heads and codecs are made for one size

    def __init__(self, model: Any) -> None:
        super().__init__()
        kinds = [kind.__name__ for kind in type(model.head).__mro__]
        known = [POSE_OUTPUTS[k] for k in kinds if k in POSE_OUTPUTS]
        if not known:
            refuse(model, f'the head {kinds[0]}')
        self.outputs = known[0]
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute what the codec decodes."""
        return self.reference(self.model, x)

    @staticmethod
    def reference(model: Any, x: Tensor) -> tuple[Tensor, ...]:
        """Compute it by the head itself."""
        found = model.head.forward(model.extract_feat(x))
        return tuple(found) if isinstance(found, (tuple, list)) else (found,)


class ClassifierNetwork(nn.Module):
    """A classifier: (N, 3, H, W) -> scores (N, classes), no probabilities yet.

    Raises:
        ValueError: It is another model than mmpretrain's ``ImageClassifier``.
    """

    outputs = ('scores',)
    dynamic = (2, 3)

    def __init__(self, model: Any) -> None:
        super().__init__()
        if type(model).__name__ != 'ImageClassifier':
            refuse(model, 'the whole')
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the scores."""
        return (self.model.head(self.model.extract_feat(x)),)

    @staticmethod
    def reference(model: Any, x: Tensor) -> tuple[Tensor, ...]:
        """Compute them as mmpretrain does."""
        return (model(x, mode='tensor'),)


class RecognizerNetwork(nn.Module):
    """A recognizer: clips -> scores (N, classes), no probabilities yet.

    Clips are (N, C, T, H, W), or (N, T, C, H, W) for recognizers of images,
    which take the mean over T.
    """

    outputs = ('scores',)
    dynamic = (3, 4)

    def __init__(self, model: Any) -> None:
        super().__init__()
        if type(model).__name__ not in ('Recognizer2D', 'Recognizer3D'):
            refuse(model, 'the whole')
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the scores."""
        model = self.model
        settings = {}
        if type(model).__name__ == 'Recognizer2D':
            settings = {'num_segs': x.shape[1]}
            x = x.flatten(0, 1)  # (N, T, C, H, W) -> (N * T, C, H, W)
        y = model.backbone(x)
        if model.with_neck:
            y, _ = model.neck(y)
        return (model.cls_head(y, **settings),)

    @staticmethod
    def reference(model: Any, x: Tensor) -> tuple[Tensor, ...]:
        """Compute them as mmaction2's test does."""
        if type(model).__name__ == 'Recognizer3D':
            x = x[:, None]  # one clip and crop
        features, settings = model.extract_feat(x, test_mode=True)
        return (model.cls_head(features, **settings),)
