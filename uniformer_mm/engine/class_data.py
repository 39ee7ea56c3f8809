"""Checks of classification data: folders, classes of the head, label maps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = [
    'require_class_folders',
    'require_fitting_head',
    'require_label_maps',
]

# Data sets of mmpretrain whose classes are folders.
FOLDERS = ('CustomDataset', 'ImageNet')
SHOWN = 5  # of a list, in a message


def require_class_folders(part: Mapping[str, Any]) -> None:
    """Look at the folders of a data set whose classes are folders.

    Args:
        part: Config of a data set, of whatever kind.

    Raises:
        FileNotFoundError: The folder of the split is not there.
        PermissionError: It, or one below it, can't be read.
        ValueError: Another number of folders than of classes, or folders
            without a picture.
    """
    kind = str(part.get('type')).rpartition('.')[2]
    prefix = part.get('data_prefix') or part.get('split') or ''
    if kind not in FOLDERS or part.get('ann_file') or '://' in str(prefix):
        return
    if isinstance(prefix, Mapping):
        prefix = prefix.get('img_path', '')
    root = Path(part.get('data_root') or '').expanduser()
    if (root / 'meta' / f'{part.get("split")}.txt').is_file():
        return  # a list, which the host takes in place of folders
    if not part.get('with_label', True) or part.get('split') == 'test':
        return
    folder = root / prefix
    way_out = (
        'A class is a folder of pictures below it; set data_root, and '
        'data_prefix or split, of train_dataloader.dataset, of '
        'val_dataloader.dataset and of test_dataloader.dataset'
    )
    if not folder.is_dir():
        raise FileNotFoundError(f'there is no folder {folder}. {way_out}')
    folders = _folders_of(folder)
    empty = [path.name for path in folders if _is_empty(path)]
    if empty and len(empty) == len(folders):
        raise ValueError(f'no folder below {folder} has a file. {way_out}')
    classes = _classes_of(part)
    if classes is not None and len(folders) != classes:
        raise ValueError(
            f'{folder} has {len(folders)} folders '
            f'({_some([path.name for path in folders])}), the data set has '
            f'{classes} classes. {way_out}; for other classes than those of '
            'ImageNet take type="CustomDataset" with '
            'metainfo=dict(classes=[...]) in the order of the folders, and '
            'as many as num_classes of the head'
        )


def require_fitting_head(model: Any, dataset: Any) -> None:
    """Compare the classes of a data set with those of a classifier's head.

    Args:
        model: Of any host; only a ``head`` with ``num_classes`` is looked at.
        dataset: Of its loader.

    Raises:
        ValueError: They differ.
    """
    wanted = getattr(getattr(model, 'head', None), 'num_classes', None)
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    if wanted is None or classes is None or len(classes) == wanted:
        return
    raise ValueError(
        f'the head has num_classes={wanted}, the data set has {len(classes)} '
        f'classes ({_some(classes)}): set model.head.num_classes and '
        f'model.data_preprocessor.num_classes to {len(classes)}, or '
        'metainfo.classes of the data sets; to load weights of other classes '
        'into the backbone alone, leave ClsHeadPretrained out'
    )


def require_label_maps(dataset: Any) -> None:
    """Look whether each picture has its label map, where they are read.

    Raises:
        FileNotFoundError: Some have none; the first ones are named.
    """
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    # By name: a training without label maps shall not load what reads them.
    loaders = [s for s in steps if type(s).__name__ == 'LoadTokenLabels']
    for loader in loaders:
        pictures = (
            dataset.get_data_info(i)['img_path'] for i in range(len(dataset))
        )
        missing = loader.missing(pictures)
        if missing:
            raise FileNotFoundError(
                f'{len(missing)} of {len(dataset)} pictures have no label map '
                f'below label_root={str(loader.label_root)!r}: '
                f'{_some([str(path) for path in missing])}. They are '
                'FOLDER/STEM.pt for FOLDER/STEM.JPEG: unpack all of the '
                'archive there, or set label_root of '
                'uniformer_mm.LoadTokenLabels'
            )


def _folders_of(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except PermissionError as error:
        raise _unreadable(folder) from error


def _is_empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except PermissionError as error:
        raise _unreadable(folder) from error


def _unreadable(folder: Path) -> PermissionError:
    return PermissionError(
        f'{folder} can not be read: give yourself the right to (chmod u+rx), '
        'or copy the data to a folder of yours'
    )


def _classes_of(part: Mapping[str, Any]) -> int | None:
    """Number of classes that a config tells, None if it doesn't."""
    classes = part.get('classes')
    if classes is None:
        classes = (part.get('metainfo') or {}).get('classes')
    if isinstance(classes, (list, tuple)):
        return len(classes)
    kind = str(part.get('type')).rpartition('.')[2]
    return 1000 if classes is None and kind == 'ImageNet' else None


def _some(names: Any) -> str:
    shown = ', '.join(map(str, names[:SHOWN]))
    return f'{shown}, ...' if len(names) > SHOWN else shown
