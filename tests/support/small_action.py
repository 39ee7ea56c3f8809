"""Action configs made small: the toy clips, four frames, few pixels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
from mmengine import Config

FRAMES = 4
SIDE = 64  # px


def shrink(config: Config, data: Path) -> None:
    """Point ``config`` at the toy data set in ``data``, and make it small."""
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.batch_size = 2
        shrink_steps(loader.dataset.pipeline)
        ours = 'train' if split == 'train' else 'val'
        loader.dataset.update(AS_FORMAT[loader.dataset.type](data, ours))
        if loader.dataset.type == 'RawframeDataset':
            loader.dataset.filename_tmpl = TEMPLATE


def shrink_steps(pipeline: Iterable[Any]) -> None:
    """Give the transforms few frames and pixels; they stay what they are."""
    for step in pipeline:
        shrink_steps(step.get('transforms', ()))
        if step.type == 'SampleFrames':  # of clips of one frame
            step.num_clips = FRAMES
        elif 'clip_len' in step:
            step.clip_len = FRAMES
        for name in ('scale', 'crop_size'):
            if name in step:
                whole = isinstance(step[name], int)
                step[name] = SIDE if whole else (SIDE, SIDE)


TEMPLATE = 'frame_{:04}.jpg'


def as_videos(data: Path, split: str) -> dict[str, Any]:
    return {
        'data_root': str(data),
        'ann_file': f'annotations/clips_motion_{split}.txt',
        'data_prefix': {'video': f'clips/{split}'},
    }


def as_frames(data: Path, split: str) -> dict[str, Any]:
    """Write the clips as folders of frames, as mmaction2 lists them."""
    lines = []
    labels = data / f'annotations/clips_motion_{split}.txt'
    for line in labels.read_text().splitlines():
        name, label = line.split()
        folder = data / 'frames' / split / Path(name).stem
        folder.mkdir(parents=True, exist_ok=True)
        video = cv2.VideoCapture(str(data / 'clips' / split / name))
        count = 0
        while True:
            read, frame = video.read()
            if not read:
                break
            count += 1
            cv2.imwrite(str(folder / TEMPLATE.format(count)), frame)
        lines.append(f'{folder.name} {count} {label}\n')
    target = data / f'annotations/frames_motion_{split}.txt'
    target.write_text(''.join(lines))
    return {
        'data_root': str(data),
        'ann_file': target.relative_to(data).as_posix(),
        'data_prefix': {'img': f'frames/{split}'},
    }


AS_FORMAT = {'VideoDataset': as_videos, 'RawframeDataset': as_frames}
