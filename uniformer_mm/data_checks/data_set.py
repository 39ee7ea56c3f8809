"""The annotation files of a data set's config; no picture is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.fileio import list_from_file
from mmengine.registry import DATASETS

from uniformer_mm.data_checks.coco import CocoNeeds, check_coco
from uniformer_mm.data_checks.finding import Finding
from uniformer_mm.data_checks.keypoints import (
    check_keypoint_info,
    keypoint_count,
)
from uniformer_mm.data_checks.label_map import check_pairs
from uniformer_mm.data_checks.video_list import (
    ListNeeds,
    check_list,
    window_of,
)

__all__ = ['check_data_set', 'classes_of', 'kind_of', 'local_path', 'parts_of']

REMOTE = re.compile(r'[A-Za-z][A-Za-z0-9+.-]+:')  # a scheme, not a drive
# Class of a host -> what its files are; the first that fits counts.
KINDS = {
    'BaseCocoStyleDataset': 'keypoints',
    'CocoPanopticDataset': '',  # formats of their own
    'LVISV05Dataset': '',
    'Objects365V1Dataset': '',
    'OpenImagesDataset': '',
    'CocoDataset': 'boxes',
    'BaseSegDataset': 'label maps',
    'VideoDataset': 'videos',
    'RawframeDataset': 'frames',
    'CustomDataset': 'pictures',
}
# Those that take a picture from another folder than their file says.
ELSEWHERE = {'Objects365V2Dataset'}


def check_data_set(
    cfg: Any, *, classes: int | None = None, check_pictures: bool = True
) -> list[Finding]:
    """Check the annotation files that a data set's config names.

    What is missing altogether is left to ``missing_paths`` of the runner, and
    what is not on this machine to the host.

    Args:
        cfg: Of a data set, or a wrapper of one or several.
        classes: Of the model, for videos, whose data sets don't say.
        check_pictures: Look whether pictures and videos are there.
    """
    found: list[Finding] = []
    for part in parts_of(cfg):
        found += _check_part(part, classes, check_pictures)
    return list(dict.fromkeys(found))


def parts_of(cfg: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the data sets or metrics in wrappers and lists of them."""
    if isinstance(cfg, Sequence) and not isinstance(cfg, str):
        for item in cfg:
            yield from parts_of(item)
    if isinstance(cfg, Mapping):
        for key in ('dataset', 'datasets', 'metrics'):
            yield from parts_of(cfg.get(key))
        yield cfg


def local_path(value: Any) -> str | None:
    """Return a path of this machine, '' for none, None where it can't be told.

    A check that exists for clear errors must not raise one of its own: what a
    host takes beside plain paths (remote storage, lists) is left to the host.
    """
    if value is None:
        return ''
    if not isinstance(value, (str, os.PathLike)):
        return None
    path = os.fspath(value)
    return None if REMOTE.match(path) else path


def kind_of(cfg: Mapping[str, Any]) -> str:
    """'boxes', 'keypoints', 'label maps', 'videos', 'pictures', ... or ''."""
    names = _names_of(cfg)
    for host_class, kind in KINDS.items():
        if host_class in names:
            return kind
    return ''


def _names_of(cfg: Mapping[str, Any]) -> list[str]:
    """Names of a data set's class and of those that it derives from."""
    found = _class_of(cfg)
    names = [c.__name__ for c in found.__mro__] if found else []
    return [*names, str(cfg.get('type')).rpartition('.')[2]]


def classes_of(cfg: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Names of classes: of the config, else of the host's class."""
    meta = cfg.get('metainfo')
    names = meta.get('classes') if isinstance(meta, Mapping) else None
    if names is None:
        names = getattr(_class_of(cfg), 'METAINFO', {}).get('classes')
    if isinstance(names, str) and Path(names).is_file():
        names = list_from_file(names)
    return None if names is None else tuple(names)


def _class_of(cfg: Mapping[str, Any]) -> type | None:
    """The class of the current host that a config names, if it is known."""
    name = cfg.get('type')
    if isinstance(name, type):
        return name
    with DATASETS.switch_scope_and_registry(None) as registry:
        found: type | None = registry.get(str(name))
    return found


def _check_part(
    cfg: Mapping[str, Any], classes: int | None, check_pictures: bool
) -> list[Finding]:
    kind = kind_of(cfg) if 'type' in cfg else ''
    root, listed = local_path(cfg.get('data_root')), cfg.get('ann_file')
    ann_file = local_path(listed)
    if kind in ('', 'pictures') or root is None or ann_file is None:
        return []  # folders of pictures the runner looks at
    if kind == 'label maps':
        return check_pairs(cfg) if check_pictures else []
    path = Path(root, ann_file)
    known = check_pictures and not ELSEWHERE & set(_names_of(cfg))
    folder = _folder(cfg, root) if known else None
    if kind in ('videos', 'frames'):
        needs = _list_needs(cfg, kind, folder, classes)
        return check_list(path, needs) if path.is_file() else []
    found: list[Finding] = []
    meta = cfg.get('metainfo')
    points = keypoint_count(meta) if kind == 'keypoints' else None
    if kind == 'keypoints' and points is not None:
        found += check_keypoint_info(meta)  # type: ignore[arg-type]
    if not path.is_file() or (kind == 'keypoints' and points is None):
        return found
    return found + check_coco(
        path,
        CocoNeeds(
            classes=classes_of(cfg) if kind == 'boxes' else None,
            masks=kind == 'boxes' and _loads_masks(cfg.get('pipeline')),
            keypoints=points,
            evaluated=bool(cfg.get('test_mode')),
            folder=folder,
        ),
    )


def _folder(cfg: Mapping[str, Any], root: str) -> str | None:
    """Folder of the pictures or videos; None where it can't be told."""
    prefix = cfg.get('data_prefix')
    values = prefix.values() if isinstance(prefix, Mapping) else [prefix]
    inner = [path for path in map(local_path, values) if path is not None]
    if not inner:
        return None
    folder = os.path.join(root, inner[0])
    return folder if os.path.isdir(folder) else None


def _list_needs(
    cfg: Mapping[str, Any], kind: str, folder: str | None, classes: int | None
) -> ListNeeds:
    frames = kind == 'frames'
    return ListNeeds(
        folder=folder,
        frames=frames,
        delimiter=None if frames else cfg.get('delimiter', ' '),
        classes=cfg.get('num_classes') or classes,
        many=bool(cfg.get('multi_class')),
        offset=bool(cfg.get('with_offset')),
        template=cfg.get('filename_tmpl', 'img_{:05}.jpg'),
        first=cfg.get('start_index', 1 if frames else 0),
        window=window_of(cfg.get('pipeline')),
    )


def _loads_masks(pipeline: Any) -> bool:
    """Whether a step asks for masks, also inside of other steps."""
    if isinstance(pipeline, Mapping):
        return bool(pipeline.get('with_mask')) or any(
            map(_loads_masks, pipeline.values())
        )
    return isinstance(pipeline, (list, tuple)) and any(
        map(_loads_masks, pipeline)
    )
