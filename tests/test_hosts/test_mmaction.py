"""The backbones in mmaction2's recognizers: loss and prediction."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmengine.registry import DefaultScope

pytest.importorskip('mmaction.models')

TINY = {'depths': (1, 1, 1, 1), 'embed_dims': (8, 8, 16, 16), 'head_dim': 8}
IMAGE = {'type': 'uniformer_mm.UniFormer', 'arch': TINY}
HEAD = {'num_classes': 5, 'in_channels': 16, 'average_clips': 'prob'}


@pytest.mark.parametrize(
    ('recognizer', 'backbone', 'head', 'shape'),
    [
        # Clips as frames, (clips, frames, C, H, W): TSN.
        ('Recognizer2D', IMAGE, 'TSNHead', (3, 3, 64, 64)),
        # (clips, C, T, H, W)
        ('Recognizer3D', {**IMAGE, 'ndim': 3}, 'I3DHead', (1, 3, 4, 64, 64)),
        (
            'Recognizer3D',
            {**IMAGE, 'ndim': 3, 'type': 'uniformer_mm.UniFormerLight'},
            'I3DHead',
            (1, 3, 4, 64, 64),
        ),
    ],
)
def test_recognizer(
    recognizer: str,
    backbone: dict[str, Any],
    head: str,
    shape: tuple[int, ...],
) -> None:
    from mmaction.registry import MODELS
    from mmaction.structures import ActionDataSample

    norm = 'LN' if recognizer == 'Recognizer2D' else 'BN'
    config = {
        'type': recognizer,
        'backbone': {
            **backbone,
            'out_indices': (3,),
            'out_norm': norm,
            'as_tuple': False,
        },
        'cls_head': {'type': head, **HEAD},
        'data_preprocessor': {'type': 'ActionDataPreprocessor'},
    }
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(config)
    samples = [ActionDataSample().set_gt_label(i) for i in range(2)]
    inputs = torch.rand(2, *shape)
    losses = model(inputs, samples, mode='loss')
    losses['loss_cls'].backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    with torch.no_grad():
        predicted = model(inputs, samples, mode='predict')
    for sample in predicted:
        assert sample.pred_score.shape == (5,)
        assert sample.pred_score.sum().item() == pytest.approx(1, abs=1e-5)
