"""mmaction2's inferencer sees clips as the test of a config does.

It replaces the steps that open and decode a video, whatever they are, by its
own, and several crops by the one from the centre.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn

from tests.support.recipe import experiments, load_config

pytest.importorskip('mmaction.models')

FRAMES = 70  # more than a window of 64
SIDE = 64  # px; of a square all crops are the same


@MODELS.register_module()
class Recorder(nn.Module):
    """Stands for a backbone, and keeps what it gets."""

    seen: list[Tensor]

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.seen = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return x.new_zeros(len(x), self.channels, 1, 1, 1)


@pytest.fixture(scope='module')
def clip(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A red clip, as a video and as frames."""
    folder = tmp_path_factory.mktemp('frames')
    video = folder.parent / 'red.mp4'
    code = cv2.VideoWriter.fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(video), code, 25, (SIDE, SIDE))
    red = np.zeros((SIDE, SIDE, 3), np.uint8)
    red[..., 2] = 255  # as OpenCV has it
    for i in range(FRAMES):
        writer.write(red)
        cv2.imwrite(str(folder / f'img_{i + 1:05}.jpg'), red)
    writer.release()
    return {'video': video, 'rawframes': folder}


@pytest.mark.parametrize(
    'row', experiments('action'), ids=lambda row: row['config']
)
def test_what_reaches_the_backbone(
    row: dict[str, Any], clip: dict[str, Path]
) -> None:
    from mmaction.apis.inferencers import MMAction2Inferencer

    config = load_config('action', row['config'])
    model = config.model
    model.pop('neck', None)  # for training alone
    model.backbone = {
        'type': 'mmengine.Recorder',
        'channels': model.cls_head.in_channels,
    }
    of_frames = config.test_dataloader.dataset.type == 'RawframeDataset'
    sample = {
        'filename': str(clip['video']),
        'frame_dir': str(clip['rawframes']),
        'filename_tmpl': 'img_{:05}.jpg',
        'total_frames': FRAMES,
        'start_index': int(of_frames),
        'modality': 'RGB',
        'label': -1,
    }
    with DefaultScope.overwrite_default_scope('mmaction'):
        data = Compose(config.test_dataloader.dataset.pipeline)(sample)
        recognizer = MODELS.build(model).eval()
    with torch.no_grad():
        recognizer.test_step(pseudo_collate([data]))
    (expected,) = recognizer.backbone.seen
    means = [channel.mean() for channel in expected.unbind(1)]
    assert np.argmax(means) == row['channels'].index('r')

    for kind, path in clip.items():
        inferencer = MMAction2Inferencer(
            config, device='cpu', input_format=kind
        )
        inferencer(str(path))
        (seen,) = inferencer.actionrecog_inferencer.model.backbone.seen
        # Frames and the video are compressed in two ways.
        same = kind == ('rawframes' if of_frames else 'video')
        tolerance = 0 if same else 0.05
        assert torch.allclose(seen, expected[: len(seen)], atol=tolerance)
