"""The guide's blocks run, each in place of the file that it is for."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.installs import ROOT
from tests.support.mmseg_models import SMALL
from tests.support.small import stir
from uniformer_mm.portable import Segmentor

Array = np.ndarray[Any, Any]
TEXT = (ROOT / 'docs/portable.md').read_text(encoding='utf-8')
BLOCKS = re.findall(r'^```python\n(.*?)^```', TEXT, re.M | re.S)


@pytest.fixture
def names(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    picture: Callable[..., Array],
) -> dict[str, Any]:
    """What the blocks find, and small weights for those they name."""

    def from_pretrained(source: str, **options: Any) -> Segmentor:
        assert source == 'upernet_uniformer-s_160k_ade20k_controlnet'
        segmentor = Segmentor(SMALL, channels=8, scale=(256, 64), **options)
        stir(segmentor)
        return segmentor.eval()

    modules = ModuleType('modules')
    modules.devices = ModuleType('devices')  # type: ignore[attr-defined]
    modules.devices.get_device_for = lambda _: 'cpu'
    monkeypatch.setitem(sys.modules, 'modules', modules)
    monkeypatch.setattr(Segmentor, 'from_pretrained', from_pretrained)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(picture(70, 90)).save('street.jpg')
    return {'__name__': 'a_node'}


def test_the_script(names: dict[str, Any]) -> None:
    exec(BLOCKS[0], names)
    assert Image.open('classes.png').size == (90, 70)


@pytest.mark.parametrize(
    ('number', 'order'), [(1, 'rgb'), (2, 'swapped')], ids=['rgb', 'swapped']
)
def test_the_nodes(number: int, order: str, names: dict[str, Any]) -> None:
    exec(BLOCKS[number], names)
    annotator = names['UniformerSegmentor'].from_pretrained().to('cpu')
    assert type(annotator) is names['UniformerSegmentor']
    assert annotator.model.channel_order == order
    out = annotator(
        np.zeros((64, 80, 3), np.uint8),
        output_type='np',
        detect_resolution=64,
    )
    assert out.shape == (64, 80, 3)


def test_the_web_ui(names: dict[str, Any]) -> None:
    exec(BLOCKS[3], names)
    names['unload_uniformer_model']()
    img = np.zeros((64, 128, 3), np.uint8)
    assert names['apply_uniformer'](img).shape == img.shape
    names['unload_uniformer_model']()
    assert len(BLOCKS) == 4
