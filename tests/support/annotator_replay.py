"""What "seg_ufade20k" of ControlNet's tools computes, replayed on mmseg.

After the sources of comfyui_controlnet_aux at 2e4e7f6: its own resizing, then
the test pipeline of mmseg 0.x that its copy of mmseg runs, step by step with
mmcv's functions.
"""

from __future__ import annotations

from typing import Any

import cv2
import mmcv
import numpy as np
import torch
from torch.nn import functional as F

Array = np.ndarray[Any, Any]


def three_channels(image: Array) -> Array:
    if image.ndim == 2:
        image = image[..., None]
    if image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    if image.shape[2] == 4:
        opaque = np.float32(image[..., 3:]) / 255.0
        blended = np.float32(image[..., :3]) * opaque + 255.0 * (1.0 - opaque)
        return np.uint8(np.clip(blended, 0, 255))
    return image


def network(model: Any, image: Array, scale: tuple[int, int]) -> Array:
    """Label map of what the pipeline takes for BGR."""
    x = mmcv.imrescale(image, scale)
    mean = np.array([123.675, 116.28, 103.53])
    std = np.array([58.395, 57.12, 57.375])
    x = mmcv.imnormalize(x, mean, std, to_rgb=True)
    x = torch.from_numpy(x.transpose(2, 0, 1).copy())[None]
    with torch.no_grad():
        logits = model.decode_head(model.backbone(x))
    for size in (x.shape[2:], image.shape[:2]):
        logits = F.interpolate(logits, size, mode='bilinear')
    return logits.softmax(1).argmax(1)[0].numpy()


def annotate(
    model: Any,
    image: Array,
    resolution: int,
    upscale: int,
    palette: Array,
    *,
    scale: tuple[int, int],
    exchanged: bool = True,
) -> Array:
    """The picture of classes, RGB.

    Args:
        model: UperNet of mmseg in eval mode.
        image: As a node hands it over: RGB, RGBA or grey.
        resolution: Of the node; 0 for none.
        upscale: OpenCV's flag of interpolation.
        palette: (classes, 3), RGB.
        scale: Of the test pipeline.
        exchanged: Whether the pipeline gets RGB, as it does in these tools,
            or BGR, as it would be right.
    """
    image = three_channels(image)
    height, width = image.shape[:2]
    if resolution:
        k = float(resolution) / float(min(height, width))
        height, width = (int(np.round(float(n) * k)) for n in (height, width))
        flag = upscale if k > 1 else cv2.INTER_AREA
        image = cv2.resize(image, (width, height), interpolation=flag)
        pads = [int(np.ceil(n / 64.0) * 64 - n) for n in (height, width)]
        image = np.pad(image, [[0, pads[0]], [0, pads[1]], [0, 0]], 'edge')
    if not exchanged:
        image = image[..., ::-1].copy()
    colours = palette[network(model, image, scale)]
    return colours[:height, :width]
