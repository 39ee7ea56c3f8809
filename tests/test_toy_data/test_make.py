"""The toy data set as a whole: drawn, kept or refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from uniformer_mm.cli.main import main
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

SPEC = ToyDataSpec(train=6, val=3, size=96, train_clips=2, val_clips=1)


def digest(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }


def test_it_is_the_same_every_time_and_kept(tmp_path: Path) -> None:
    assert make_toy_data(tmp_path / 'a', SPEC) is True
    assert make_toy_data(tmp_path / 'b', SPEC) is True
    first = digest(tmp_path / 'a')
    assert first == digest(tmp_path / 'b')
    images, clips = 6 + 3, 2 + 1
    # Pictures with masks, pictures of one shape, clips; annotations.
    assert len(first) == 3 * images + clips + 2 * 2 + 2 * 2
    assert make_toy_data(tmp_path / 'a', SPEC) is False
    assert digest(tmp_path / 'a') == first


def test_more_images_leave_the_first_as_they_were(tmp_path: Path) -> None:
    more = ToyDataSpec(train=8, val=3, size=96, train_clips=3, val_clips=0)
    make_toy_data(tmp_path / 'a', SPEC)
    make_toy_data(tmp_path / 'b', more)
    a, b = digest(tmp_path / 'a'), digest(tmp_path / 'b')
    for kept in (
        'train/000005.jpg',
        'masks/train/000005.png',
        'classes/train/triangle/000005.jpg',
        'clips/train/000001.mp4',
    ):
        assert b[kept] == a[kept]
    for kind in ('train/000000.jpg', 'clips/train/000000.mp4'):
        assert a[kind] != a[kind.replace('train', 'val')]
    assert not [name for name in b if 'clips' in name and 'val' in name]


def test_clips_change_nothing_in_the_images(tmp_path: Path) -> None:
    without = ToyDataSpec(train=6, val=3, size=96, train_clips=0, val_clips=0)
    make_toy_data(tmp_path / 'a', SPEC)
    make_toy_data(tmp_path / 'b', without)
    a, b = digest(tmp_path / 'a'), digest(tmp_path / 'b')
    told = {f'annotations/keypoints_{s}.json' for s in ('train', 'val')}
    assert {k: a[k] for k in b if k not in told} == {
        k: v for k, v in b.items() if k not in told
    }
    assert len(b) == len(a) - (2 + 1) - 4


def test_another_data_set_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / 'mine.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='is not this toy data set'):
        make_toy_data(tmp_path, SPEC)
    assert [p.name for p in tmp_path.iterdir()] == ['mine.txt']


def test_other_settings_are_refused(tmp_path: Path) -> None:
    make_toy_data(tmp_path / 'toy', SPEC)
    before = digest(tmp_path / 'toy')
    with pytest.raises(FileExistsError, match='name another folder'):
        make_toy_data(tmp_path / 'toy', ToyDataSpec(train=7, val=3, size=96))
    assert digest(tmp_path / 'toy') == before


@pytest.mark.parametrize(
    'name',
    [
        'train/000003.jpg',
        'masks/val/000002.png',
        'clips/train/000001.mp4',
        'annotations/instances_val.json',
        'annotations/keypoints_val.json',
        'annotations/clips_shape_train.txt',
    ],
)
def test_a_set_that_lost_a_file_is_not_kept(tmp_path: Path, name: str) -> None:
    make_toy_data(tmp_path / 'toy', SPEC)
    (tmp_path / 'toy' / name).unlink()
    with pytest.raises(FileExistsError, match='is not this toy data set'):
        make_toy_data(tmp_path / 'toy', SPEC)


def test_a_set_of_images_and_boxes_alone_is_not_kept(tmp_path: Path) -> None:
    """As version 0.1 drew it."""
    root = tmp_path / 'toy'
    make_toy_data(root, SPEC)
    for folder in ('masks', 'clips'):
        shutil.rmtree(root / folder)
    for path in root.glob('annotations/[ck]*'):
        path.unlink()
    before = digest(root)
    with pytest.raises(FileExistsError, match='is not this toy data set'):
        make_toy_data(root, SPEC)
    assert digest(root) == before


def test_an_empty_folder_is_filled_where_none_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows renames to a free name alone."""
    rename = Path.rename

    def to_a_free_name(self: Path, target: Path) -> Path:
        if target.exists():
            raise PermissionError(5, 'Access is denied')
        return rename(self, target)

    monkeypatch.setattr(Path, 'rename', to_a_free_name)
    (tmp_path / 'toy').mkdir()
    assert make_toy_data(tmp_path / 'toy', SPEC) is True
    assert [path.name for path in tmp_path.iterdir()] == ['toy']


def test_an_interrupted_run_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(10))
    write = Path.write_bytes

    def fail_at_the_third(self: Path, data: bytes) -> int:
        if next(calls) == 2:
            raise OSError(28, 'No space left on device')
        return write(self, data)

    monkeypatch.setattr(Path, 'write_bytes', fail_at_the_third)
    with pytest.raises(OSError, match='No space left'):
        make_toy_data(tmp_path / 'toy', SPEC)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('numbers', 'message'),
    [
        ({'train': 0}, 'train must be >= 1, got 0'),
        ({'val': 0}, 'val must be >= 1, got 0'),
        ({'size': 63}, 'size must be >= 64, got 63'),
        ({'seed': -1}, 'seed must be >= 0, got -1'),
        ({'train_clips': -1}, 'train_clips must be >= 0, got -1'),
        ({'val_clips': -2}, 'val_clips must be >= 0, got -2'),
    ],
)
def test_bad_numbers(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToyDataSpec(**numbers)


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / 'toy'
    words = ['toy-data', str(root), '--train', '2', '--val', '1']
    words += ['--train-clips', '1', '--val-clips', '0']
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f'made {root}: 2 training')
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f'kept {root}')
    assert main([*words, '--seed', '1']) == 1
    assert 'is not this toy data set' in capsys.readouterr().err
    annotations = root / 'annotations' / 'instances_train.json'
    data = json.loads(annotations.read_text())
    settings = {'train': 2, 'val': 1, 'size': 128, 'seed': 0}
    assert data['info']['spec'] == settings
    annotations = root / 'annotations' / 'keypoints_train.json'
    data = json.loads(annotations.read_text())
    settings.update(train_clips=1, val_clips=0)
    assert data['info']['spec'] == settings
