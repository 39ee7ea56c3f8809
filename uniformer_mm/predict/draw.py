"""Results drawn on pictures, with the colours of the data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from uniformer_mm.predict.legend import WHITE, Color, Legend
from uniformer_mm.predict.pictures import Array

__all__ = [
    'draw_keypoints',
    'draw_label_map',
    'draw_objects',
    'draw_texts',
]

OPACITY = 0.5
SEEN = 0.3  # score above which a keypoint is drawn
LIGHT = 140  # brightness above which text on a colour is black


def draw_objects(
    image: Array,
    legend: Legend,
    boxes: Array,
    scores: Array,
    labels: Array,
    masks: Array | None,
) -> Array:
    """Draw masks, boxes, names and scores.

    Args:
        image: (H, W, 3), uint8, RGB; it stays as it is.
        legend: Names and colours.
        boxes: (N, 4), x1, y1, x2, y2 in pixels.
        scores: (N,), 0-1.
        labels: (N,), class ids.
        masks: (N, H, W), bool; None for none.
    """
    order = np.argsort(scores)  # the surest on top
    palette = [legend.palette[i] for i in labels]
    if masks is not None:
        image = image.copy()
        for i in order:
            inside = image[masks[i]]
            image[masks[i]] = _blend(inside, np.array(palette[i]))
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    width = _line_width(picture)
    for i in order:
        pen.rectangle([float(v) for v in boxes[i]], None, palette[i], width)
    for i in order:
        text = f'{legend.names[labels[i]]} {scores[i]:.2f}'
        corner = (float(boxes[i][0]), float(boxes[i][1]))
        _write(pen, corner, text, palette[i], above=True)
    return np.asarray(picture)


def draw_label_map(image: Array, legend: Legend, label_map: Array) -> Array:
    """Lay the colour of each pixel's class over it, and name the classes.

    Args:
        image: (H, W, 3), uint8, RGB; it stays as it is.
        legend: Names and colours.
        label_map: (H, W), class ids.
    """
    palette = np.array(legend.palette)
    blended = _blend(image, palette[label_map])
    ids, counts = np.unique(label_map, return_counts=True)
    largest = ids[np.argsort(-counts)][:8]
    return draw_texts(
        blended,
        [legend.names[i] for i in largest],
        [legend.palette[i] for i in largest],
    )


def draw_keypoints(
    image: Array, legend: Legend, boxes: Array, keypoints: Array
) -> Array:
    """Draw boxes, limbs and keypoints whose score is above 0.3.

    Args:
        image: (H, W, 3), uint8, RGB; it stays as it is.
        legend: Skeleton and colours.
        boxes: (N, 4), x1, y1, x2, y2 in pixels.
        keypoints: (N, K, 3), x, y in pixels and the score.
    """
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    width = _line_width(picture)
    for box, points in zip(boxes, keypoints, strict=True):
        pen.rectangle([float(v) for v in box], None, WHITE, 1)
        seen = points[:, 2] > SEEN
        pairs = zip(legend.skeleton, legend.skeleton_colors, strict=True)
        for (a, b), color in pairs:
            if seen[a] and seen[b]:
                line = [float(v) for v in (*points[a, :2], *points[b, :2])]
                pen.line(line, color, width)
        radius = width + 1
        colors = zip(points, seen, legend.keypoint_colors, strict=True)
        for (x, y, _), drawn, color in colors:
            if drawn:
                pen.circle((float(x), float(y)), radius, color)
    return np.asarray(picture)


def draw_texts(
    image: Array, texts: Sequence[str], colors: Sequence[Color]
) -> Array:
    """Write lines into the upper left corner.

    Args:
        image: (H, W, 3), uint8, RGB; it stays as it is.
        texts: The lines.
        colors: Of what is behind each.
    """
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    height = 0.0
    for text, color in zip(texts, colors, strict=True):
        height = _write(pen, (0.0, height), text, color)
    return np.asarray(picture)


def _blend(pixels: Array, color: Array) -> Array:
    mixed = (1 - OPACITY) * pixels + OPACITY * color
    return np.rint(mixed).astype(np.uint8)


def _line_width(picture: Image.Image) -> int:
    return max(1, round(min(picture.size) / 250))


def _write(
    pen: ImageDraw.ImageDraw,
    corner: tuple[float, float],
    text: str,
    color: Color,
    *,
    above: bool = False,
) -> float:
    """Write a line on its colour, inside the picture; return its bottom."""
    width, height = pen.im.size
    font = ImageFont.load_default(max(9, round(min(width, height) / 32)))
    _, _, right, bottom = pen.textbbox((0, 0), text, font)
    x = min(max(corner[0], 0), max(width - right, 0))
    top = corner[1] - above * (bottom + 1)
    y = min(max(top, 0), max(height - bottom, 0))
    pen.rectangle((x, y, x + right + 1, y + bottom + 1), color)
    light = sum(color) / 3 > LIGHT
    pen.text((x, y), text, (0, 0, 0) if light else WHITE, font)
    return y + bottom + 1
