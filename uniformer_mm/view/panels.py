"""Maps laid over what the network saw, and panels side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from uniformer_mm.predict.pictures import Array

__all__ = ['Panel', 'enlarge', 'frame_of', 'mark', 'overlay', 'sheet_of']

LONGEST = 640  # pixels of a panel's longer side
SHORTEST = 256  # of the shorter one, where that leaves room
FRAMES = 5  # of a clip, on a sheet; odd, so that the middle is among them
GAP = 8
FONT = 15
TITLE = 24


@dataclass(frozen=True)
class Panel:
    """A picture with a title, or one per frame of a clip.

    Attributes:
        title (str): What it shows.
        frames (Array): (T, h, w, 3), uint8, RGB.
    """

    title: str
    frames: Array


def enlarge(values: Tensor, stride: int, frames: Array) -> Array:
    """Bring a map to the size of what the network saw.

    Args:
        values: ([T',] H', W'), or (C, [T',] H', W') with C = 3.
        stride: Pixels per token.
        frames: (T, h, w, 3).

    Returns:
        Array: (T, h, w), or (T, h, w, 3), float32.
    """
    count, height, width, _ = frames.shape
    has_time = count > 1
    channels = values[None] if values.ndim == 2 + has_time else values
    if not has_time:
        channels = channels[:, None]
    x = channels.float().cpu().transpose(0, 1)  # (T', C, H', W')
    size = (x.shape[2] * stride, x.shape[3] * stride)
    x = F.interpolate(x, size, mode='bilinear', align_corners=False)
    # Patches leave out what fills none; padding is not shown.
    missing = (0, max(0, width - size[1]), 0, max(0, height - size[0]))
    x = F.pad(x, missing, mode='replicate')[..., :height, :width]
    times = torch.arange(count) * len(x) // count
    found: Array = x[times].permute(0, 2, 3, 1).numpy()
    return found[..., 0] if found.shape[-1] == 1 else found


def overlay(
    frames: Array, values: Array, *, dim: Array | None = None
) -> Array:
    """Lay a map over frames: blue is its least value, red the largest.

    Args:
        frames: (T, h, w, 3), uint8, RGB.
        values: (T, h, w); the colours are those of all frames together.
        dim: (T, h, w), 0-1, what is shown darker the lower it is.
    """
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else values * 0
    colored = [
        cv2.applyColorMap(
            np.rint(255 * frame).astype(np.uint8), cv2.COLORMAP_TURBO
        )
        for frame in scaled
    ]
    heat = np.stack(colored)[..., ::-1]
    grey = frames.mean(-1, keepdims=True)
    mixed = 0.45 * grey + 0.55 * heat
    if dim is not None:
        mixed = mixed * (0.35 + 0.65 * dim[..., None])
    return np.rint(mixed).astype(np.uint8)


def mark(frames: Array, x: float, y: float, frame: int) -> Array:
    """Draw a ring around a pixel of one frame."""
    image = Image.fromarray(frames[frame])
    pen = ImageDraw.Draw(image)
    radius = max(4, round(min(image.size) / 40))
    line = max(2, round(min(image.size) / 150))
    pen.circle((x, y), radius + line, None, (0, 0, 0), line)
    pen.circle((x, y), radius, None, (255, 255, 255), line)
    marked = frames.copy()
    marked[frame] = np.asarray(image)
    return marked


def frame_of(panels: Sequence[Panel], index: int) -> Array:
    """Put the panels of one frame side by side, (H, W, 3), uint8, RGB."""
    cells = [_titled(panel.title, panel.frames[index]) for panel in panels]
    return _grid(cells, 4 if len(cells) % 4 == 0 else 5)


def sheet_of(panels: Sequence[Panel], frame: int | None = None) -> Array:
    """Put panels side by side; of clips a row each, with some frames.

    Args:
        panels: At least one.
        frame: Of a clip, a frame to be shown beside those that are anyway:
            the middle, both ends, and some between.

    Returns:
        Array: (H, W, 3), uint8, RGB.
    """
    count = len(panels[0].frames)
    if count == 1:
        return frame_of(panels, 0)
    spread = np.linspace(0, count - 1, min(FRAMES, count)) + 0.5
    chosen = sorted({*spread.astype(int).tolist(), frame or 0})
    cells = [
        _titled(f'{panel.title}, frame {i}', panel.frames[i])
        for panel in panels
        for i in chosen
    ]
    return _grid(cells, len(chosen))


def _titled(title: str, picture: Array) -> Array:
    height, width = picture.shape[:2]
    shorter, longer = sorted((height, width))
    scale = min(LONGEST / longer, max(1.0, SHORTEST / shorter))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Image.new('RGB', (size[0], size[1] + TITLE), 'white')
    canvas.paste(Image.fromarray(picture).resize(size), (0, TITLE))
    font = ImageFont.load_default(FONT)
    ImageDraw.Draw(canvas).text((2, 3), title, 'black', font)
    return np.asarray(canvas)


def _grid(cells: Sequence[Array], columns: int) -> Array:
    columns = min(columns, len(cells))
    height = max(cell.shape[0] for cell in cells) + GAP
    width = max(cell.shape[1] for cell in cells) + GAP
    rows = -(-len(cells) // columns)
    # Videos want even sides.
    box = [
        (side + GAP + 1) // 2 * 2 for side in (rows * height, columns * width)
    ]
    sheet = np.full((*box, 3), 255, np.uint8)
    for i, cell in enumerate(cells):
        top = GAP + i // columns * height
        left = GAP + i % columns * width
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet
