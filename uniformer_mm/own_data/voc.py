"""Folders in Pascal VOC's format: an xml file per picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from uniformer_mm.own_data.contents import Contents, Picture, Thing
from uniformer_mm.own_data.files import PICTURES, files_below, picture_size
from uniformer_mm.own_data.places import Places
from uniformer_mm.own_data.splits import image_sets, split_of

__all__ = ['find_voc', 'read_voc']


def find_voc(root: Path) -> list[str]:
    """Paths below a folder of the xml files of pictures.

    Raises:
        ValueError: A file is broken; the message names it.
    """
    return [
        name
        for name in files_below(root, ['.xml'])
        if _parse(root / name).tag == 'annotation'
    ]


def read_voc(root: Path, files: list[str]) -> Contents:
    """Read xml files.

    Args:
        root: Of the data.
        files: Of ``find_voc``.

    Raises:
        ValueError: Something in a file is wrong, which is named.
    """
    contents = Contents('Pascal VOC xml', {}, [])
    places = Places(files_below(root, PICTURES))
    splits, contents.notes = image_sets(root)
    names: set[str] = set()
    lost, other_size = [], []
    for file in files:
        folder, _, name = file.rpartition('/')
        tree = _parse(root / file)
        told = (tree.findtext('filename') or '').strip()
        where = split_of(folder)
        path = places.beside(file, where) or places.named(told, where)
        if not path:
            lost.append(file)
            continue
        picture = Picture(path, *picture_size(root / path))
        size = tuple(
            int(float(tree.findtext(f'size/{side}') or 0))
            for side in ('width', 'height')
        )
        if size not in ((0, 0), (picture.width, picture.height)):
            other_size.append(file)
        picture.things = [
            _thing(one, picture, f'{root / file}')
            for one in tree.iter('object')
        ]
        names.update(thing.name for thing in picture.things)
        split = splits.get(name.removesuffix('.xml'), 'all')
        contents.splits.setdefault(split if splits else where, []).append(
            picture
        )
    contents.classes = sorted(names)
    _note(contents, lost, 'have no picture, and are left out')
    _note(contents, other_size, 'tell another size than their picture has')
    if splits and 'all' in contents.splits:
        count = len(contents.splits.pop('all'))
        contents.notes.append(f'{count} pictures are in no ImageSets file')
    return contents


def _parse(path: Path) -> ElementTree.Element:
    try:
        # Expat bounds how entities grow, and reads no other file.
        return ElementTree.parse(path).getroot()  # nosec B314
    except ElementTree.ParseError as error:
        raise ValueError(f'{path} is no xml: {error}') from error


def _thing(one: ElementTree.Element, picture: Picture, file: str) -> Thing:
    name = (one.findtext('name') or '').strip()
    if not name:
        raise ValueError(f'{file}: an object has no name')
    try:
        left, top, right, bottom = (
            float(one.findtext(f'bndbox/{side}') or '')
            for side in ('xmin', 'ymin', 'xmax', 'ymax')
        )
    except ValueError:
        raise ValueError(
            f'{file}: object {name!r} has no bndbox with xmin, ymin, xmax, '
            'ymax'
        ) from None
    # Pixels are counted from 1, and the last one belongs to the box.
    left, top = max(left - 1, 0), max(top - 1, 0)
    right = min(right, picture.width)
    bottom = min(bottom, picture.height)
    return Thing(name, [left, top, right - left, bottom - top])


def _note(contents: Contents, files: list[str], what: str) -> None:
    if files:
        contents.notes.append(f'{len(files)} files {what}: {files[0]}, ...')
