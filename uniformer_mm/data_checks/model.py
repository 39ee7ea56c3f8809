"""What the model of a config and its data must agree in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from uniformer_mm.data_checks.data_set import (
    check_data_set,
    classes_of,
    kind_of,
    parts_of,
)
from uniformer_mm.data_checks.finding import Collector, Finding
from uniformer_mm.data_checks.keypoints import keypoint_count

__all__ = ['check_config']

SPLITS = ('train', 'val', 'test')
# Heads of mmpose whose outputs are one per keypoint, and the key that says it.
PER_KEYPOINT = {
    'HeatmapHead': 'out_channels',
    'SimCCHead': 'out_channels',
    'RTMCCHead': 'out_channels',
    'CIDHead': 'num_keypoints',
}
# Heads of mmdet that count other things than the classes of boxes.
OTHER_COUNTS = ('FusedSemanticHead', 'RPNHead')


def check_config(
    cfg: Mapping[str, Any],
    splits: tuple[str, ...] = SPLITS,
    *,
    check_pictures: bool = True,
) -> list[Finding]:
    """Check the model of a config and the annotation files of its splits.

    Args:
        cfg: As MMEngine reads it.
        splits: Which of 'train', 'val' and 'test'.
        check_pictures: As in ``check_data_set``.
    """
    found = Collector('')
    model = cfg.get('model')
    if not isinstance(model, Mapping):
        model = {}
    _check_tta(model, found)
    heads = dict(_counts(model, 'model'))
    told = list(found.findings())
    classes = model_classes(cfg)
    for split in splits:
        loader = cfg.get(f'{split}_dataloader')
        if not isinstance(loader, Mapping) or 'dataset' not in loader:
            continue
        for part in parts_of(loader['dataset']):
            told += _check_heads(part, heads, f'{split}_dataloader')
        told += check_data_set(
            loader['dataset'], classes=classes, check_pictures=check_pictures
        )
    return list(dict.fromkeys(told))


def model_classes(cfg: Mapping[str, Any]) -> int | None:
    """Classes of a recognizer of videos; None for other models."""
    model = cfg.get('model')
    head = model.get('cls_head') if isinstance(model, Mapping) else None
    count = head.get('num_classes') if isinstance(head, Mapping) else None
    return count if isinstance(count, int) else None


def _check_heads(
    cfg: Mapping[str, Any], heads: Mapping[str, int], loader: str
) -> list[Finding]:
    """Compare the sizes of heads with the classes of a data set."""
    kind = kind_of(cfg) if 'type' in cfg else ''
    what, count = 'classes', None
    if kind in ('boxes', 'label maps', 'pictures'):
        names = classes_of(cfg)
        count = None if names is None else len(names)
    elif kind == 'keypoints':
        what, count = 'keypoints', keypoint_count(cfg.get('metainfo'))
    elif kind in ('videos', 'frames'):
        # No data set says it; the parts of the model must agree.
        count = next(iter(heads.values()), None)
    found = Collector('')
    for place, size in heads.items():
        if count is not None and size != count:
            found.error(
                f'{place} is {size}, and '
                + (
                    f'{next(iter(heads))} is {count}'
                    if kind in ('videos', 'frames')
                    else f'{loader}.dataset has {count} {what}'
                ),
                f'set it to {count}, or correct metainfo',
            )
    return found.findings()


def _counts(part: Any, place: str) -> Iterator[tuple[str, int]]:
    """Yield (place, size) of all heads below a part of a model."""
    if isinstance(part, (list, tuple)):
        for i, item in enumerate(part):
            yield from _counts(item, f'{place}[{i}]')
    if not isinstance(part, Mapping):
        return
    name = str(part.get('type')).rpartition('.')[2]
    key = PER_KEYPOINT.get(name, 'num_classes')
    size = part.get(key)
    counted = name.endswith(('Head', 'MixupCutmix', 'ClassTokenNeck'))
    if isinstance(size, int) and counted and name not in OTHER_COUNTS:
        yield f'{place}.{key}', size
    for key, value in part.items():
        if key not in ('train_cfg', 'test_cfg', 'backbone'):
            yield from _counts(value, f'{place}.{key}')


def _check_tta(model: Mapping[str, Any], found: Collector) -> None:
    """Mmdet merges boxes of several views, and no masks."""
    if str(model.get('type')).rpartition('.')[2] != 'DetTTAModel':
        return
    inner = model.get('module') or {}
    roi_head = inner.get('roi_head') or {}
    if roi_head.get('mask_head') or inner.get('mask_head'):
        found.error(
            'test-time augmentation of mmdet merges boxes alone, and this '
            'model has masks too',
            'test without --tta, or a model of boxes: '
            '--cfg-options model.module.roi_head.mask_head=None',
        )
