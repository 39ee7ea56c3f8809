"""Checks of classification data: folders, classes of the head, label maps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from uniformer_mm.weights.reading import listed

__all__ = [
    'require_class_folders',
    'require_fitting_head',
    'require_label_maps',
]

# Data sets of mmpretrain whose classes are folders.
FOLDERS = ('CustomDataset', 'ImageNet')
IMAGENET = range(1000)  # whose names are not those of its folders
# What they read, unless ``extensions`` says it; they leave out all else.
READ = ('.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif')
PICTURES = ('.avif', '.gif', '.heic', '.jp2', '.jxl', '.tiff', '.webp')


def require_class_folders(part: Mapping[str, Any]) -> None:
    """Look at the folders of a data set whose classes are folders.

    Args:
        part: Config of a data set, of whatever kind.

    Raises:
        FileNotFoundError: The folder of the split is not there, or links to
            pictures lead nowhere.
        PermissionError: It, or one below it, can't be read.
        ValueError: Another number of folders than of classes, or in another
            order; folders without a picture; hidden ones; pictures that the
            host does not read; a list of pictures that is none.
    """
    kind = str(part.get('type')).rpartition('.')[2]
    prefix = part.get('data_prefix') or part.get('split') or ''
    root = Path(part.get('data_root') or '').expanduser()
    listing = root / (part.get('ann_file') or f'meta/{part.get("split")}.txt')
    if kind not in FOLDERS or '://' in f'{prefix}{root}':
        return
    if not part.get('with_label', True) or part.get('split') == 'test':
        return
    classes = _classes_of(part)
    if listing.is_file():  # which the host takes in place of folders
        _require_list(listing, classes)
    if listing.is_file() or part.get('ann_file'):
        return
    if isinstance(prefix, Mapping):
        prefix = prefix.get('img_path', '')
    folder = root / prefix
    way_out = (
        'A class is a folder of pictures below it; set data_root, and '
        'data_prefix or split, of train_dataloader.dataset, of '
        'val_dataloader.dataset and of test_dataloader.dataset'
    )
    if not folder.is_dir():
        raise FileNotFoundError(f'there is no folder {folder}. {way_out}')
    folders = _folders_of(folder)
    names = [path.name for path in folders]
    if hidden := [name for name in names if name.startswith('.')]:
        raise ValueError(
            f'{folder} has hidden folders ({listed(hidden)}), which the host '
            'takes for classes: remove them'
        )
    _require_pictures(folder, folders, tuple(part.get('extensions') or READ))
    if classes is not None and len(folders) != len(classes):
        raise ValueError(
            f'{folder} has {len(folders)} folders ({listed(names)}), the data '
            f'set has {len(classes)} classes. {way_out}; for other classes '
            'than those of ImageNet take type="CustomDataset" with '
            'metainfo=dict(classes=[...]) in the order of the folders, and '
            'as many as num_classes of the head'
        )
    if classes is not None and sorted(classes) == names != list(classes):
        raise ValueError(
            f'metainfo.classes are {listed(classes)}, the folders below '
            f'{folder} are, as the host numbers them, {listed(names)}: list '
            'the classes in that order, or their names are mixed up'
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
        f'classes ({listed(classes)}): set model.head.num_classes and '
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
                f'{listed(map(str, missing))}. They are '
                'FOLDER/STEM.pt for FOLDER/STEM.JPEG: unpack all of the '
                'archive there, or set label_root of '
                'uniformer_mm.LoadTokenLabels'
            )


def _folders_of(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except PermissionError as error:
        raise _unreadable(folder) from error


def _require_pictures(
    root: Path, folders: Iterable[Path], read: tuple[str, ...]
) -> None:
    """Look for what the host would leave out without a word."""
    dead, unread, found = [], [], 0
    for entry in (entry for path in folders for entry in _files(path)):
        name = entry.name.lower()
        if name.endswith(read):
            found += 1
            if entry.is_symlink() and not os.path.exists(entry.path):
                dead.append(os.path.relpath(entry.path, root))
        elif name.endswith(PICTURES):
            unread.append(os.path.relpath(entry.path, root))
    if dead:
        raise FileNotFoundError(
            f'{len(dead)} links below {root} lead nowhere ({listed(dead)}): '
            'put back what they lead to, or remove them'
        )
    if unread:
        raise ValueError(
            f'{len(unread)} pictures below {root} are not read '
            f'({listed(unread)}): the data set has extensions={read}; add '
            'theirs, convert the pictures, or move them away'
        )
    if not found:
        raise ValueError(
            f'no folder below {root} has a picture ({", ".join(read)})'
        )


def _files(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    yield from _files(entry.path)
                elif not entry.name.startswith('.'):
                    yield entry
    except PermissionError as error:
        raise _unreadable(folder) from error


def _require_list(path: Path, classes: Sequence[Any] | None) -> None:
    """See that a list has a picture and the number of a class per line."""
    most = len(classes) - 1 if classes is not None else None
    for i, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        _, gap, label = line.strip().rpartition(' ')
        fits = gap and label.isdecimal()
        if line.strip() and not (
            fits and (most is None or int(label) <= most)
        ):
            raise ValueError(
                f'{path}, line {i}: must be a picture, a space and the number '
                f'of its class, 0 to {"..." if most is None else most}, got '
                f'{line!r}'
            )


def _unreadable(folder: Path | str) -> PermissionError:
    return PermissionError(
        f"{folder} can't be read: give yourself the right to (chmod u+rx), "
        'or copy the data to a folder of yours'
    )


def _classes_of(part: Mapping[str, Any]) -> Sequence[Any] | None:
    """Classes that a config tells, None if it doesn't."""
    classes = part.get('classes')
    if classes is None:
        classes = (part.get('metainfo') or {}).get('classes')
    if isinstance(classes, (list, tuple)):
        return classes
    kind = str(part.get('type')).rpartition('.')[2]
    return IMAGENET if classes is None and kind == 'ImageNet' else None
