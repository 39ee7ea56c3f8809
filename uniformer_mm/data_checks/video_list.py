"""Lists of videos and of folders of frames, as mmaction2 reads them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uniformer_mm.data_checks.finding import Collector, Finding

__all__ = ['ListNeeds', 'check_list', 'window_of']


@dataclass(frozen=True)
class ListNeeds:
    """What a data set and its model want of a list.

    Attributes:
        folder: Of what it names; None where that can't be told.
        frames: Lines are 'FOLDER FRAMES LABEL', else 'FILE LABEL'.
        delimiter: Between the columns; None for white space.
        classes: Number of labels; None if it is not known.
        many: A line may have several labels.
        offset: A column with the first frame comes before FRAMES.
        template: Name of a frame, with its number.
        first: Number of the first frame.
        window: Frames that one clip is taken from.
    """

    folder: str | None = None
    frames: bool = False
    delimiter: str | None = ' '
    classes: int | None = None
    many: bool = False
    offset: bool = False
    template: str = 'img_{:05}.jpg'
    first: int = 1
    window: int = 1


def check_list(path: Path, needs: ListNeeds) -> list[Finding]:
    """Check all lines of a list.

    Args:
        path: It exists.
        needs: See there.
    """
    found = Collector(str(path))
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except UnicodeDecodeError:
        found.error('it is no UTF-8 text', 'save it as one')
        return found.findings()
    if not any(line.strip() for line in lines):
        found.error('the list is empty', 'write a line per video')
        return found.findings()
    form = _form(needs)
    seen: Counter[int] = Counter()
    names: set[str] = set()
    for number, line in enumerate(lines, 1):
        at = f'line {number}'
        if not line.strip():
            found.error('a line is blank', 'remove it', at)
            continue
        columns = line.strip().split(needs.delimiter)  # as mmaction2
        fault = _fault_of(columns, needs)
        if fault:
            found.error(fault, f'a line must be {form!r}', at)
            continue
        name, *numbers = columns
        if name in names:
            found.warning('a video is listed twice', 'remove it', at)
        names.add(name)
        width = 1 + needs.offset if needs.frames else 0
        for label in map(int, numbers[width:]):
            seen[label] += 1
            if needs.classes is not None and label >= needs.classes:
                found.error(
                    f'a label is {needs.classes} or above, and the model has '
                    f'{needs.classes} classes (labels start from 0)',
                    'set num_classes of the head, or correct the label',
                    at,
                )
        if needs.folder is not None:
            _check_place(name, numbers, needs, found, at)
    unseen = [i for i in range(needs.classes or 0) if not seen[i]]
    if unseen and seen and len(unseen) < (needs.classes or 0):
        few = ', '.join(map(str, unseen[:10]))
        found.warning(
            f'{len(unseen)} of {needs.classes} labels have no video: {few}'
            + ', ...' * (len(unseen) > 10),
            "they can't be learnt nor scored",
        )
    return found.findings()


def _form(needs: ListNeeds) -> str:
    sign = needs.delimiter or ' '
    columns = ['FOLDER', *['FIRST'] * needs.offset, 'FRAMES']
    parts = columns if needs.frames else ['FILE']
    return sign.join([*parts, 'LABEL', *['LABEL ...'] * needs.many])


def _fault_of(columns: list[str], needs: ListNeeds) -> str:
    fixed = 2 + needs.offset if needs.frames else 1
    if len(columns) < fixed:
        return f'{len(columns)} column(s)'
    if len(columns) == fixed:
        return 'the label is missing'
    if len(columns) > fixed + 1 and not needs.many:
        return (
            f'{len(columns)} columns: a file name has a space, or there is '
            "one column too many (for names with spaces set delimiter='\\t' "
            'of the data set, and put tabs between the columns)'
        )
    if '' in columns:
        return 'two separators in a row'
    *numbers, label = columns[1:]
    if not all(n.isdecimal() for n in (*numbers, label)):
        return 'what must be a whole number of 0 or more is none'
    if needs.frames and int(columns[fixed - 1]) < 1:
        return 'a clip of 0 frames'
    return ''


def _check_place(
    name: str, numbers: list[str], needs: ListNeeds, found: Collector, at: str
) -> None:
    path = Path(needs.folder or '', name)
    if not needs.frames:
        if not path.is_file():
            found.error(
                f'no such video in {needs.folder}',
                'set data_prefix, or take its line out',
                f'{at}, {name}',
            )
        elif not path.stat().st_size:
            found.error(
                'a video is empty',
                'fetch it again, or take its line out',
                f'{at}, {name}',
            )
        return
    total = int(numbers[needs.offset])
    first = int(numbers[0]) if needs.offset else 0
    last = path / needs.template.format(first + needs.first + total - 1)
    if not path.is_dir():
        found.error(
            f'no such folder in {needs.folder}',
            'set data_prefix, or take its line out',
            f'{at}, {name}',
        )
    elif not os.path.exists(last):
        found.error(
            f'a folder has no frame {last.name}',
            'correct FRAMES, or filename_tmpl and start_index of the data set',
            f'{at}, {name}',
        )
    if total < needs.window:
        found.warning(
            f'a clip is shorter than the {needs.window} frames that are '
            'sampled from: its last frames are repeated',
            'sample fewer (clip_len, frame_interval)',
            f'{at}, {name}',
        )


def window_of(pipeline: Any) -> int:
    """Frames that the sampling step of a pipeline takes a clip from."""
    for step in pipeline if isinstance(pipeline, (list, tuple)) else ():
        if isinstance(step, Mapping) and 'clip_len' in step:
            return int(step['clip_len']) * int(step.get('frame_interval', 1))
    return 1
