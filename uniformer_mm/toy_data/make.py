"""Draw the toy data set into a folder, all of it or nothing."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from uniformer_mm.toy_data.clips import clip_files, draw_clips
from uniformer_mm.toy_data.images import draw_images, image_files
from uniformer_mm.toy_data.singles import draw_singles, single_files
from uniformer_mm.toy_data.spec import SPLITS, ToyDataSpec

__all__ = ['make_toy_data']


def make_toy_data(root: Path, spec: ToyDataSpec | None = None) -> bool:
    """Draw the data set into ``root``; keep it if it is there already.

    It is drawn into a temporary folder beside ``root`` and moved there when
    complete, so an interrupted run leaves nothing half-made.

    Returns:
        bool: True if it was drawn, False if the same one was there.

    Raises:
        FileExistsError: ``root`` holds something else, such as a set drawn
            to another spec, or one that lost a file.
        OSError: It can't be written.
    """
    spec = spec or ToyDataSpec()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        if _spec_of(root) == asdict(spec) and _is_complete(root, spec):
            return False
        raise FileExistsError(
            f'{root} exists and is not this toy data set ({spec}); name '
            'another folder or remove that one'
        )
    root.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f'.{root.name}-', dir=root.parent))
    try:
        for split in SPLITS:
            draw_images(draft, split, spec)
            draw_singles(draft, split, spec)
            draw_clips(draft, split, spec)
        draft.chmod(0o755)  # mkdtemp's 0o700 would shut other users out
        if root.exists():  # and is empty: Windows puts no folder in its place
            root.rmdir()
        draft.rename(root)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return True


def _spec_of(root: Path) -> Any:
    """The spec that the data set in ``root`` was drawn to, or None."""
    try:
        path = root / 'annotations/keypoints_train.json'
        return json.loads(path.read_text(encoding='utf-8'))['info']['spec']
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_complete(root: Path, spec: ToyDataSpec) -> bool:
    return all(
        (root / name).is_file()
        for split in SPLITS
        for name in (
            *image_files(split, spec.images(split)),
            *single_files(split, spec.images(split)),
            *clip_files(split, spec.clips(split)),
        )
    )
