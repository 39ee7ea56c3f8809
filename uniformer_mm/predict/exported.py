"""Exported files in place of the network of a host's model.

The host's model is built from the config in the file. What it does before and
after the network stays: normalising, flip tests, windows that slide, decoding,
resizing, masks pasted into the picture. The network itself is the file's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from uniformer_mm.hosts import TASK_HOSTS, import_extra
from uniformer_mm.predict.host_model import HostModel
from uniformer_mm.predict.model_config import read_config
from uniformer_mm.runtimes import SUFFIXES, Session, open_session
from uniformer_mm.weights.files import WeightFile
from uniformer_mm.weights.whole import ModelFile

__all__ = ['ExportedModel', 'is_exported']


def is_exported(weights: Any) -> bool:
    """Whether this is the path of an exported file."""
    if not isinstance(weights, (str, os.PathLike)):
        return False
    return Path(weights).suffix in SUFFIXES.values()


class ExportedModel(HostModel):
    """An exported file with all that is around it.

    Args:
        task: A key of ``TASK_HOSTS``.
        config: As in ``HostModel``; None takes the file's own.
        weights: What ``uniformer-mm export`` has written.
        device: As in ``open_session``.

    Raises:
        FileNotFoundError: The file or the config is not there.
        ImportError: The host or the runtime is not installed.
        ValueError: The file is of another task.
    """

    def __init__(
        self, task: str, config: Any, weights: Any, device: torch.device
    ) -> None:
        self.session = open_session(weights, device)
        card, path = self.session.card, self.session.path
        if card.task != task:
            raise ValueError(f'{path.name} is for {card.task}, not for {task}')
        self.host = TASK_HOSTS[task]
        import_extra(self.host)
        meta = {'cfg': card.config, 'dataset_meta': card.dataset_meta}
        file = WeightFile(path, {}, 'exported', meta, checked=False)
        found = ModelFile(file, None)
        self.config = read_config(task, config, found)
        # The runtime has a device of its own.
        self.device = torch.device('cpu')
        self.dtype = None
        with self._scope():
            self.model = self._build()
        model: Any = self.model
        model.backbone = nn.Identity()  # it takes memory
        _STAND_INS[task](model, self.session)
        self.metas = [*self._metas(found)]


def _detector(model: Any, session: Session) -> None:
    from mmengine.structures import InstanceData

    masks = 'masks' in session.card.outputs
    if masks:
        head = model.roi_head.mask_head
        head = head[-1] if hasattr(head, '__getitem__') else head
        # The file gives one mask a box, that of its class.
        head.class_agnostic = True

    def predict(
        inputs: Tensor, samples: Sequence[Any], rescale: bool = True
    ) -> Sequence[Any]:
        meta = samples[0].metainfo
        # The network pads, and clips boxes to what it was given.
        h, w = meta['img_shape'][:2]
        found = session(inputs[..., :h, :w])
        for i, sample in enumerate(samples):
            kept = found['labels'][i] >= 0
            one = {name: value[i][kept] for name, value in found.items()}
            boxes = one['boxes']
            result = InstanceData(scores=one['scores'], labels=one['labels'])
            if masks:
                result.masks = (
                    head._predict_by_feat_single(
                        one['masks'][:, None],
                        boxes,  # rescaled there, in place
                        one['labels'],
                        sample.metainfo,
                        model.roi_head.test_cfg,
                        rescale=rescale,
                        activate_map=True,
                    )
                    if len(boxes)
                    else torch.zeros(
                        0, *sample.ori_shape[:2], dtype=torch.bool
                    )
                )
            elif rescale:
                scale = boxes.new_tensor(sample.metainfo['scale_factor'])
                boxes = boxes / scale.repeat(2)
            result.bboxes = boxes
            sample.pred_instances = result
        return samples

    model.predict = predict


def _segmentor(model: Any, session: Session) -> None:
    def encode_decode(inputs: Tensor, _: Sequence[Any]) -> Tensor:
        return session(inputs)['logits']

    model.encode_decode = encode_decode


def _estimator(model: Any, session: Session) -> None:
    def forward(inputs: Tensor) -> Any:
        found = tuple(session(inputs).values())
        return found if len(found) > 1 else found[0]

    model.extract_feat = lambda inputs: inputs
    model.head.forward = forward


def _recognizer(model: Any, session: Session) -> None:
    def extract_feat(inputs: Tensor, **_: Any) -> tuple[Tensor, Any]:
        if type(model).__name__ == 'Recognizer3D':
            inputs = inputs.flatten(0, 1)  # clips and crops of each video
        views = (model.test_cfg or {}).get('max_testing_views') or len(inputs)
        parts = [
            session(part)['scores'] for part in torch.split(inputs, views)
        ]
        return torch.cat(parts), {}

    model.extract_feat = extract_feat
    model.cls_head.forward = lambda scores, **_: scores


def _classifier(model: Any, session: Session) -> None:
    model.extract_feat = lambda inputs, **_: session(inputs)['scores']
    model.head.forward = lambda scores: scores


_STAND_INS: dict[str, Callable[[Any, Session], None]] = {
    'detection': _detector,
    'segmentation': _segmentor,
    'pose': _estimator,
    'action': _recognizer,
    'classification': _classifier,
}
