"""It runs where torch, NumPy and Pillow are all there is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.mmseg_models import SMALL
from tests.support.small import stir
from uniformer_mm.portable import Segmentor, UniformerSegmentor, resample

Array = np.ndarray[Any, Any]
MISSING = (
    *('mmengine', 'mmcv', 'mmseg', 'mmdet', 'mmpose', 'mmaction'),
    *('mmpretrain', 'cv2', 'timm', 'rich', 'torchvision'),
    *('huggingface_hub', 'safetensors', 'yaml', 'matplotlib'),
)
OPTIONS = {'head_dim': 16, 'attention': 'global', 'scale': (256, 64)}
# Python without those packages, as in an environment that never had them.
ALONE = f"""
import sys
missing = {MISSING}
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in missing:
            return None
        return self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = before = [Without(f) for f in sys.meta_path]
import numpy, torch
from uniformer_mm.portable import UniformerSegmentor
assert sys.meta_path == before, sys.meta_path
annotator = UniformerSegmentor.from_pretrained(sys.argv[1], **{OPTIONS})
found = annotator(numpy.load(sys.argv[2]), 100)
numpy.save(sys.argv[3], found)
loaded = {{name.partition('.')[0] for name in sys.modules}}
assert not loaded & set(missing), loaded & set(missing)
"""


def test_the_same_pictures_without_everything_else(
    tmp_path: Path,
    save: Callable[..., Path],
    picture: Callable[..., Array],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    segmentor = Segmentor(SMALL, channels=16)
    stir(segmentor)
    image = picture(130, 90)
    image_path, out = tmp_path / 'image.npy', tmp_path / 'out.npy'
    np.save(image_path, image)
    words = [save(segmentor), image_path, out]
    subprocess.run(
        [sys.executable, '-c', ALONE, *map(str, words)],
        env={**os.environ},
        check=True,
    )
    monkeypatch.setattr(resample, 'cv2', None)
    annotator = UniformerSegmentor.from_pretrained(words[0], **OPTIONS)
    expected = annotator(image, 100)
    assert len(np.unique(expected.reshape(-1, 3), axis=0)) > 3
    assert np.array_equal(np.load(out), expected)
