"""Finding the pictures that annotations name."""

from __future__ import annotations

from collections.abc import Iterable

from uniformer_mm.own_data.splits import split_of

__all__ = ['Places']


class Places:
    """Finds pictures by what annotations say of them.

    Args:
        pictures: Paths below a folder, with '/'.
    """

    def __init__(self, pictures: Iterable[str]) -> None:
        self.by_name: dict[str, list[str]] = {}
        self.by_stem: dict[str, list[str]] = {}
        for path in pictures:
            name = path.rpartition('/')[2].lower()
            self.by_name.setdefault(name, []).append(path)
            stem = name.rpartition('.')[0]
            self.by_stem.setdefault(stem, []).append(path)

    def named(self, name: str, split: str) -> str:
        """The picture whose path ends so, '' if there is none.

        Args:
            name: A file name, with folders or without.
            split: That of the annotations; pictures of it come first.

        Raises:
            ValueError: Several may be meant.
        """
        name = name.replace('\\', '/').removeprefix('./')
        same = self.by_name.get(name.rpartition('/')[2].lower(), [])
        ends = [
            path
            for path in same
            if f'/{path}'.lower().endswith(f'/{name}'.lower())
        ]
        return _one(name, ends or same, split)

    def beside(self, file: str, split: str) -> str:
        """The picture of the same name as an annotation file, or ''.

        Args:
            file: Path of the annotation file.
            split: That of the file; pictures of it come first.

        Raises:
            ValueError: Several may be meant.
        """
        folder, _, name = file.rpartition('/')
        same = self.by_stem.get(name.rpartition('.')[0].lower(), [])
        near = [p for p in same if p.rpartition('/')[0] == folder]
        return _one(file, near or same, split)


def _one(name: str, paths: list[str], split: str) -> str:
    own = [p for p in paths if split_of(p.rpartition('/')[0]) == split]
    found = own or paths
    if len(found) > 1:
        raise ValueError(
            f'{name!r} may be any of {found[:5]}: give the pictures '
            'different names, or name their folders in the annotations'
        )
    return next(iter(found), '')
