"""Example files of our own, drawn when the page starts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from uniformer_mm.predict.pictures import Array, decode_picture
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

__all__ = ['draw_examples', 'thumbnail']

NUMBER = 3


def draw_examples(folder: Path) -> tuple[list[Path], list[Path]]:
    """Draw pictures and clips of shapes.

    Args:
        folder: It is made.

    Returns:
        tuple: Pictures, and clips.
    """
    spec = ToyDataSpec(
        train=1,
        val=NUMBER,
        size=256,
        seed=7,  # none of what models are trained on
        train_clips=0,
        val_clips=NUMBER,
    )
    make_toy_data(folder, spec)
    pictures = sorted((folder / 'val').glob('*.jpg'))
    return pictures, sorted((folder / 'clips' / 'val').glob('*.mp4'))


def thumbnail(path: Path) -> Array:
    """Return a picture, or the middle frame of a clip, 128 px at most.

    Returns:
        Array: (H, W, 3), uint8, RGB.
    """
    if path.suffix.lower() == '.mp4':
        capture = cv2.VideoCapture(str(path))
        middle = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) // 2
        capture.set(cv2.CAP_PROP_POS_FRAMES, middle)
        _, frame = capture.read()
        capture.release()
        image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    else:
        image = decode_picture(path.read_bytes())
    small = Image.fromarray(image)
    small.thumbnail((128, 128))
    return np.asarray(small)
