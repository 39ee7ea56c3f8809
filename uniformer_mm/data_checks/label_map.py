"""Pictures with a mask each, as mmseg finds them by name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from uniformer_mm.data_checks.finding import Collector, Finding

__all__ = ['check_pairs', 'mask_fault']


def pairs_of(cfg: Mapping[str, Any]) -> tuple[list[str], str, str] | None:
    """Stems, folder of pictures and folder of masks ('' for none).

    None where the config has what can't be told here.
    """
    root = str(cfg.get('data_root') or '')
    prefix = cfg.get('data_prefix') or {}
    pictures = os.path.join(root, str(prefix.get('img_path') or ''))
    masks = prefix.get('seg_map_path')
    suffix = str(cfg.get('img_suffix', '.jpg'))
    if not os.path.isdir(pictures):
        return None
    listed = cfg.get('ann_file')
    if listed:
        path = Path(root, str(listed))
        if not path.is_file():
            return None
        stems = [
            line.strip()
            for line in path.read_text(encoding='utf-8').splitlines()
        ]
    else:
        stems = sorted(
            name.removesuffix(suffix)
            for name in _files(pictures)
            if name.endswith(suffix)
        )
    return stems, pictures, os.path.join(root, masks) if masks else ''


def check_pairs(cfg: Mapping[str, Any]) -> list[Finding]:
    """Check that each picture of a data set has a mask; opens none."""
    told = pairs_of(cfg)
    if told is None:
        return []
    stems, pictures, masks = told
    suffix = str(cfg.get('img_suffix', '.jpg'))
    ending = str(cfg.get('seg_map_suffix', '.png'))
    found = Collector(pictures)
    there = set(_files(pictures))
    if not stems:
        ends = Counter(os.path.splitext(name)[1] for name in there)
        found.error(
            f'no picture in it ends in {suffix!r}'
            + (f'; there are {dict(ends)}' if ends else ''),
            'set img_suffix and data_prefix.img_path',
        )
    for number, stem in enumerate(stems, 1):
        if not stem:
            found.error(
                f'{cfg.get("ann_file")} has a blank line',
                'remove it',
                f'line {number}',
            )
        elif stem + suffix not in there:
            wrong = stem.endswith(suffix)
            found.error(
                f'a name of {cfg.get("ann_file")} is no picture in it',
                f'names must be without {suffix!r}'
                if wrong
                else 'set img_suffix and data_prefix.img_path',
                stem,
            )
    if masks:
        have = set(_files(masks)) if os.path.isdir(masks) else set()
        for stem in stems:
            if stem and stem + ending not in have:
                found.error(
                    f'a picture has no mask in {masks}',
                    f'set seg_map_suffix (now {ending!r}) and data_prefix.'
                    'seg_map_path, or add it',
                    stem,
                )
        spare = have - {stem + ending for stem in stems}
        if spare and not cfg.get('ann_file'):
            found.warning(
                f'{len(spare):,} files in {masks} belong to no picture, such '
                f'as {min(spare)}'
            )
    if not (cfg.get('metainfo') or {}).get('classes') and str(
        cfg.get('type')
    ).endswith('BaseSegDataset'):
        found.error('the config names no classes', 'set metainfo.classes')
    return found.findings()


def mask_fault(
    mask: Any, size: Sequence[int] | None, classes: int, ignored: int = 255
) -> str:
    """Return what is wrong with a loaded mask, or ''.

    Args:
        mask: Array; (H, W) of class numbers if it is right.
        size: (H, W) of its picture.
        classes: Number of classes.
        ignored: The label of pixels that don't count.
    """
    import numpy as np

    if mask.ndim != 2:
        return (
            f'the mask has shape {mask.shape}: it is a picture of colours, '
            'and must have one number per pixel, the place of its class in '
            'metainfo.classes'
        )
    if size is not None and tuple(mask.shape) != tuple(size[:2]):
        return (
            f'the mask is {mask.shape[1]} x {mask.shape[0]} pixels, its '
            f'picture {size[1]} x {size[0]} (EXIF may turn a picture, and '
            'not its mask)'
        )
    values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    wrong = [int(v) for v in values if v >= classes and v != ignored]
    if wrong:
        return (
            f'the mask has values {wrong[:10]}, and labels are 0 to '
            f'{classes - 1}, or {ignored} for what does not count'
        )
    return ''


def _files(folder: str) -> list[str]:
    """Paths below a folder, relative and with '/', as mmseg lists them."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith('.')]
        inner = os.path.relpath(place, folder).replace(os.sep, '/')
        found += [
            name if inner == '.' else f'{inner}/{name}'
            for name in names
            if not name.startswith('.')
        ]
    return found
