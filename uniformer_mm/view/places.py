"""Where a point of an input is: in frames, and in the map of a block."""

from __future__ import annotations

from uniformer_mm.checks import check_int
from uniformer_mm.predict.pictures import Array
from uniformer_mm.view.blocks import stride_of
from uniformer_mm.view.panels import mark
from uniformer_mm.view.recorded import Call
from uniformer_mm.view.seen import Point, Seen

__all__ = ['Place', 'kind_of', 'marked', 'place_of', 'token_of']

Place = tuple[float, float, int]
"""x and y in pixels of ``Seen.frames``, and which of the frames."""


def place_of(seen: Seen, point: Point | None, frame: int | None) -> Place:
    """Return where a point is; the middle, if none is given.

    Raises:
        ValueError: There is no such frame, or the network does not see it.
    """
    count, height, width, _ = seen.frames.shape
    if frame is None:
        frame = count // 2
    check_int('frame', frame, 0, count - 1)
    if point is not None:
        return (*seen.place(point), frame)
    return width / 2, height / 2, frame


def marked(frames: Array, where: Place | None) -> Array:
    """Draw a mark at the place, if there is one."""
    return frames if where is None else mark(frames, *where)


def token_of(
    call: Call, name: str, seen: Seen, where: Place | None
) -> int | None:
    """Return the index of the token of a place in a block's map, if any."""
    if where is None:
        return None
    x, y, frame = where
    *times, rows, columns = call.shape
    row = min(int(y) // stride_of(name), rows - 1)
    column = min(int(x) // stride_of(name), columns - 1)
    time = frame * times[0] // len(seen.frames) if times else 0
    return (time * rows + row) * columns + column


def kind_of(call: Call) -> str:
    """Return what a block attends over: 'global' or 'window 14'."""
    size = call.block.window_size
    return 'global' if size is None else f'window {size}'
