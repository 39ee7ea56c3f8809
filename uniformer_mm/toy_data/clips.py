"""Clips of the toy data set: one moving shape, two questions about it.

A clip is ``FRAMES`` frames at ``FPS`` frames per second, MPEG-4 in MP4: a
filled shape on still BGR noise that moves up or down, grows or shrinks, evenly
over the whole clip and about the middle of the picture. So a horizontal flip
changes no label, a crop around the middle hardly any, and a few frames spread
over the clip show the motion, of which one frame tells little.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from uniformer_mm.toy_data.spec import (
    CLASSES,
    MOTIONS,
    Array,
    ToyDataSpec,
    outline,
)

__all__ = ['FRAMES', 'clip_files', 'draw_clips']

FRAMES = 32
FPS = 16
# The images draw from (seed, split, number); a seed that is only longer by
# zeros gives the same stream.
STREAM = 1


def clip_files(split: str, count: int) -> list[str]:
    """Paths, below the root, of what ``draw_clips`` writes."""
    if count == 0:
        return []
    return [
        f'annotations/clips_motion_{split}.txt',
        f'annotations/clips_shape_{split}.txt',
        *(f'clips/{split}/{i:06d}.mp4' for i in range(count)),
    ]


def draw_clips(root: Path, split: str, spec: ToyDataSpec) -> None:
    """Draw the clips of ``split`` and write their labels.

    Their side is ``spec.size`` pixels, one less where that is odd, because
    the codec halves it. Labels are balanced: motions and shapes take turns.

    Raises:
        OSError: They can't be written.
    """
    count = spec.clips(split)
    if count == 0:
        return
    for folder in (f'clips/{split}', 'annotations'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    motions, shapes = [], []
    for i in range(count):
        # 4 motions and 3 shapes: 12 clips in a row hold every pair once.
        motion, shape = i % len(MOTIONS), i % len(CLASSES)
        rng = np.random.default_rng((spec.seed, split == 'val', i, STREAM))
        frames = _draw_clip(
            rng, spec.size // 2 * 2, MOTIONS[motion], CLASSES[shape]
        )
        name = f'{i:06d}.mp4'
        _write(root / f'clips/{split}/{name}', frames)
        motions.append(f'{name} {motion}\n')
        shapes.append(f'{name} {shape}\n')
    for kind, lines in (('motion', motions), ('shape', shapes)):
        path = root / 'annotations' / f'clips_{kind}_{split}.txt'
        path.write_text(''.join(lines), encoding='utf-8')


def _write(path: Path, frames: list[Array]) -> None:
    side = frames[0].shape[0]
    codec = cv2.VideoWriter.fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(path), codec, FPS, (side, side))
    for frame in frames:
        writer.write(frame)
    writer.release()
    # OpenCV reports neither a missing codec nor a full disk; -1 is no video.
    reader = cv2.VideoCapture(str(path))
    written = max(0, int(reader.get(cv2.CAP_PROP_FRAME_COUNT)))
    reader.release()
    if written != len(frames):
        raise OSError(
            f'{path}: OpenCV wrote {written} of {len(frames)} frames; is the '
            'disk full, or does this OpenCV lack the codec mp4v?'
        )


def _draw_clip(
    rng: np.random.Generator, side: int, motion: str, shape: str
) -> list[Array]:
    """Draw ``FRAMES`` frames (H, W, 3), uint8 BGR."""
    ground = rng.uniform(40, 215, 3)
    noise = rng.normal(0, 6, (side, side, 3))
    still = np.clip(ground + noise, 0, 255).astype(np.uint8)
    color = ((ground + rng.uniform(70, 185, 3)) % 256).tolist()
    tilt = rng.uniform(-0.03, 0.03)  # turns
    x, y = rng.uniform(0.44, 0.56, 2)
    # All in sides of the picture. The mean over a clip is the same for a
    # motion and its opposite.
    small, large, middle = rng.uniform((0.10, 0.32, 0.16), (0.14, 0.38, 0.22))
    reach = rng.uniform(0.2, 0.28)
    radii, heights = {
        'up': ((middle, middle), (y + reach, y - reach)),
        'down': ((middle, middle), (y - reach, y + reach)),
        'grow': ((small, large), (y, y)),
        'shrink': ((large, small), (y, y)),
    }[motion]
    frames = []
    for radius, height in zip(
        np.linspace(*radii, FRAMES), np.linspace(*heights, FRAMES), strict=True
    ):
        corners = np.add((x, height), outline(shape, float(radius), tilt))
        frame = still.copy()
        polygon = (corners * side).round().astype(np.int32)
        cv2.fillPoly(frame, [polygon], color)
        frames.append(frame)
    return frames
