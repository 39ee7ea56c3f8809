"""Pictures, masks and videos of a data set, opened by its host's readers."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmengine.registry import DATASETS
from torch.utils.data import DataLoader, Dataset

from uniformer_mm.data_checks.data_set import classes_of, kind_of
from uniformer_mm.data_checks.finding import Collector, Finding
from uniformer_mm.data_checks.sample import (
    BadSampleError,
    files_of,
    picture_fault,
    run_steps,
)
from uniformer_mm.data_checks.video_list import window_of

__all__ = ['Opened', 'Samples', 'label_findings', 'opened']

READING = ('Load', 'Init', 'Decode')  # parts of the names of steps that read
SAMPLING = ('DenseSample', 'SampleFrames', 'UniformSample')
ORIENTATION = 0x0112  # of EXIF
Opened = tuple[list[Finding], set[int]]


class Samples(Dataset[Opened]):
    """The samples of a data set's config, each with what is wrong with it.

    An item is its findings, and the values of its mask if it has one.

    Args:
        cfg: Of one data set, whose annotation files were found to be right.

    Raises:
        Exception: The host can't build the data set.
    """

    def __init__(self, cfg: Mapping[str, Any]) -> None:
        kind = kind_of(cfg)
        settings: dict[str, Any] = {
            **copy.deepcopy(dict(cfg)),
            'pipeline': [],
            'test_mode': True,  # which leaves nothing out
            'lazy_init': False,
        }
        settings.pop('indices', None)
        if 'bbox_file' in settings:
            settings['bbox_file'] = None
        with contextlib.redirect_stdout(io.StringIO()):  # of pycocotools
            self.dataset: Any = DATASETS.build(settings)
        steps = cfg.get('pipeline') or []
        self.window = window_of(steps)
        kept = [step for step in map(_reading, steps) if step]
        self.steps = Compose(kept).transforms
        # mmpose keeps no sizes.
        self.sizes: dict[Any, Any] = {}
        if kind == 'keypoints':
            self.sizes = _sizes_in(self.dataset.ann_file)
        names = classes_of(cfg) if kind == 'label maps' else None
        self.classes = len(names) if names else None
        # mmpose has an entry per person.
        self.indices: list[int] = []
        seen: set[tuple[str, ...]] = set()
        for index in range(len(self.dataset)):
            files = tuple(files_of(self.dataset.get_data_info(index)))
            if files not in seen:
                seen.add(files)
                self.indices.append(index)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, number: int) -> Opened:
        info = self.dataset.get_data_info(self.indices[number])
        info = {**self.sizes.get(info.get('img_id'), {}), **info}
        files = files_of(info)
        name = files[0] if files else ''
        results: Any = None
        fault = _fault_of(info)
        try:
            if not fault:
                results = run_steps(self.steps, info, self.classes)
        except BadSampleError as error:
            fault = error.reason
        except Exception as error:
            fault = f'{type(error).__name__}: {error}'
        found = Collector(name)
        if fault:
            found.error(
                fault,
                'Fetch it again, correct it, or take it out of the '
                'annotations',
            )
        _note_oddities(found, info, results, self.window)
        mask = (results or {}).get('gt_seg_map')
        values = set() if mask is None else set(np.unique(mask).tolist())
        return found.findings(), values


def _sizes_in(path: str) -> dict[Any, dict[str, Any]]:
    """Return id -> height and width of the pictures in a file of COCO's."""
    if not os.path.isfile(path):
        return {}
    with open(path, 'rb') as file:
        content = json.load(file)
    images = content.get('images', []) if isinstance(content, dict) else []
    return {
        image['id']: {'height': image['height'], 'width': image['width']}
        for image in images
        if {'id', 'height', 'width'} <= image.keys()
    }


def opened(samples: Samples, workers: int) -> Iterator[Opened]:
    """Yield the items of ``samples`` in order.

    Args:
        samples: See there.
        workers: Processes that read; 0 reads here.
    """
    yield from DataLoader(
        samples, batch_size=None, num_workers=workers, collate_fn=_as_it_is
    )


def label_findings(cfg: Mapping[str, Any], values: set[int]) -> list[Finding]:
    """What the values of all masks of a data set say of its classes."""
    names = classes_of(cfg)
    if not names or not values:
        return []
    folder = os.path.join(
        str(cfg.get('data_root') or ''),
        str((cfg.get('data_prefix') or {}).get('seg_map_path') or ''),
    )
    found = Collector(folder)
    labels = values - {255}
    unseen = [n for i, n in enumerate(names) if i not in labels]
    if 255 in values and len(names) == 2 and len(labels) == 1:
        found.error(
            f'all masks have the values {sorted(values)}: one of the two '
            'classes, and 255, which does not count',
            'write the second class as 1: `uniformer-mm init segmentation` '
            'does it',
        )
    elif unseen:
        found.warning(
            f'no mask has the classes {unseen}',
            "they can't be learnt nor scored: is their order of the values?",
        )
    return found.findings()


def _reading(step: Any) -> Any:
    """The step if it reads, its like for frames if it samples, else None."""
    name = str(step.get('type')).rpartition('.')[2]
    if name in SAMPLING:
        return _spread
    return step if any(part in name for part in READING) else None


def _spread(results: dict[str, Any]) -> dict[str, Any]:
    """Choose the first, the middle and the last frame of a video."""
    total = results['total_frames']
    places = np.array([0, total // 2, max(total - 1, 0)], np.int32)
    return {
        **results,
        'frame_inds': places + results.get('start_index', 0),
        'clip_len': 3,
        'frame_interval': 1,
        'num_clips': 1,
    }


def _fault_of(info: Mapping[str, Any]) -> str:
    """What only a look at the whole of a file shows."""
    if info.get('img_path'):
        fault = picture_fault(info['img_path'], thorough=True)
        if fault:
            return fault
    mask = info.get('seg_map_path')
    if not mask or not os.path.isfile(mask):
        return ''
    from PIL import Image

    with (
        contextlib.suppress(OSError, SyntaxError),  # which a step will name
        Image.open(mask) as picture,
    ):
        if picture.mode.startswith('I'):
            highest = int(picture.getextrema()[1])  # type: ignore[arg-type]
            if highest > 255:
                return (
                    f'{mask} has numbers up to {highest}, and mmseg reads '
                    'them modulo 256; save it with 8 bits'
                )
    return ''


def _note_oddities(
    found: Collector, info: Mapping[str, Any], results: Any, window: int
) -> None:
    total = (results or {}).get('total_frames')
    if total is not None and total < window:
        found.warning(
            f'the video has {total} frames, and a clip is taken from '
            f'{window}: its last frames are repeated',
            'sample fewer (clip_len, frame_interval)',
        )
    path = info.get('img_path')
    if results is None or not path or not os.path.isfile(path):
        return
    from PIL import Image

    try:
        with Image.open(path) as picture:
            turned = picture.getexif().get(ORIENTATION, 1)
    except (OSError, SyntaxError):
        return
    if turned not in (0, 1):
        found.warning(
            f'its EXIF orientation is {turned}: it is turned when read, and '
            'its annotations are not',
            'make sure that they were drawn on the turned picture, or save it '
            'without EXIF',
        )


def _as_it_is(item: Any) -> Any:
    return item
