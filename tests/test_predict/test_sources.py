"""What inputs stand for, how it is named, and that nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from uniformer_mm.predict.sources import Source, find_sources


def found(inputs: Any, *, clips: bool = False) -> dict[str, str]:
    """Name -> kind, or the error."""
    sources = find_sources(inputs, clips=clips)
    told = [(source.name, source.error or source.kind) for source in sources]
    assert len(dict(told)) == len(told)
    return dict(told)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ('x/a.jpg', 'x/deep/a.JPG', 'y/a.jpg', 'y/b.png', 'y/v.mp4'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / 'x/notes.txt').touch()
    (tmp_path / 'x/.hidden.jpg').touch()
    (tmp_path / 'empty').mkdir()
    return tmp_path


def test_a_folder(tree: Path) -> None:
    names = {'a.jpg': 'picture', 'deep/a.JPG': 'picture'}
    assert found(tree / 'x') == names
    assert found(str(tree / 'x') + '/') == names


def test_several_keep_apart_what_has_one_name(tree: Path) -> None:
    assert found([tree / 'x', str(tree / 'y')]) == {
        'x/a.jpg': 'picture',
        'x/deep/a.JPG': 'picture',
        'y/a.jpg': 'picture',
        'y/b.png': 'picture',
        'y/v.mp4': 'video',
    }


def test_a_glob(tree: Path) -> None:
    assert found(f'{tree}/*/a.jpg') == {
        'x/a.jpg': 'picture',
        'y/a.jpg': 'picture',
    }
    assert list(found(f'{tree}/x/**/*.JPG')) == ['deep/a.JPG']


def test_what_is_given_twice_counts_once(tree: Path) -> None:
    path = tree / 'x/a.jpg'
    assert list(found([path, path, tree / 'x'])) == ['a.jpg', 'deep/a.JPG']


def test_what_is_in_memory() -> None:
    array = np.zeros((4, 4, 3), np.uint8)
    picture = Image.new('RGB', (4, 4))
    assert found([array, picture]) == {
        'input-000000': 'memory',
        'input-000001': 'memory',
    }
    assert found(array) == {'input-000000': 'memory'}


def test_cameras_and_addresses() -> None:
    assert found([0, '1', 'https://host.org/p/a.jpg?size=2']) == {
        'camera-0': 'camera',
        'camera-1': 'camera',
        'host.org/p/a.jpg': 'url',
    }


def test_addresses_of_one_name_and_out_of_the_folder() -> None:
    urls = ['http://h/a.jpg?i=1', 'http://h/a.jpg?i=2', 'http://h/../../b.jpg']
    assert list(found(urls)) == ['h/a.jpg', 'h/a-2.jpg', 'h/b.jpg']


def test_clips(tree: Path) -> None:
    assert found(tree / 'y', clips=True) == {'v.mp4': 'video'}
    assert found(tree / 'x', clips=True) == {'x': 'frames', 'deep': 'frames'}


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('none.jpg', 'there is no such file or folder'),
        ('empty', 'no file in it ends in .avif, .bmp'),
        ('*.none', 'no file fits this pattern'),
    ],
)
def test_what_is_not_there(tree: Path, name: str, words: str) -> None:
    told = found([tree / 'x/a.jpg', tree / name])
    (picture, _), (missing, error) = told.items()
    assert picture.endswith('a.jpg')
    assert missing == str(tree / name)
    assert words in error


def test_an_unknown_scheme() -> None:
    assert found('ftp://h/a.jpg') == {
        'ftp://h/a.jpg': 'a URL must start with http or https'
    }


@pytest.mark.parametrize('inputs', [3.5, None, True, b'bytes', {'a': 1}])
def test_what_is_no_input(inputs: Any) -> None:
    with pytest.raises(TypeError, match='inputs must be paths, URLs'):
        find_sources(inputs, clips=False)


def test_an_iterator_is_not_read_ahead() -> None:
    asked = []

    def endless() -> Any:
        while True:
            asked.append(1)
            yield np.zeros((4, 4, 3), np.uint8)

    sources = iter(find_sources(endless(), clips=False))
    assert next(sources).name == 'input-000000'
    assert isinstance(next(sources), Source)
    assert len(asked) == 2


def test_what_no_picture_is_in_stops_nothing(tree: Path) -> None:
    (tree / 'x/loop.jpg').symlink_to(tree / 'x/loop.jpg')
    (tree / 'x/nowhere.jpg').symlink_to(tree / 'none')
    (tree / 'x/folder.jpg').mkdir()
    if hasattr(os, 'mkfifo'):
        os.mkfifo(tree / 'x/pipe.jpg')
    assert found([tree / 'x', 'http://[a', '']) == {
        'a.jpg': 'picture',
        'deep/a.JPG': 'picture',
        'loop.jpg': 'picture',  # which opening will name
        'nowhere.jpg': 'picture',
        'http://[a': 'it is no URL: Invalid IPv6 URL',
        '(empty)': 'an input must not be empty',
    }
