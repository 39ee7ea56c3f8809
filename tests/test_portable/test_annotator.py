"""The drop-in gives the pictures that ControlNet's annotator gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.annotator_replay import annotate
from tests.support.mmseg_models import mmseg_model
from uniformer_mm.portable import (
    ADE20K_PALETTE,
    Segmentor,
    UniformerSegmentor,
)

pytest.importorskip('mmseg')
Array = np.ndarray[Any, Any]
SCALE = (256, 64)
HEAD_DIM = 16


@pytest.fixture(scope='module')
def theirs() -> Any:
    return mmseg_model('upernet', attention='global')


@pytest.fixture(scope='module')
def file(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('annotator') / 'small.pth'
    state = {f'module.{k}': v for k, v in theirs.state_dict().items()}
    torch.save({'state_dict': state, 'meta': {}}, path)
    return path


@pytest.fixture
def load(file: Path) -> Callable[..., UniformerSegmentor]:
    def load(**options: Any) -> UniformerSegmentor:
        # As the tools call it: where the file is, and its name.
        return UniformerSegmentor.from_pretrained(
            file.parent,
            file.name,
            head_dim=HEAD_DIM,
            attention='global',
            scale=SCALE,
            **options,
        )

    return load


@pytest.mark.parametrize('order', ['swapped', 'rgb'])
@pytest.mark.parametrize(
    ('size', 'resolution', 'upscale'),
    [
        ((90, 130, 3), 64, 'INTER_CUBIC'),
        ((51, 40, 3), 128, 'INTER_CUBIC'),
        ((51, 40, 3), 100, 'INTER_LANCZOS4'),
        ((51, 40, 3), 77, 'INTER_NEAREST'),
        ((51, 40, 3), 77, 'INTER_AREA'),
        ((64, 64, 3), 64, 'INTER_LINEAR'),
        ((81, 63, 3), 0, 'INTER_CUBIC'),
        ((90, 130, 1), 65, 'INTER_LINEAR'),
        ((90, 130, 4), 65, 'INTER_LINEAR'),
    ],
    ids=str,
)
def test_as_the_annotator(
    theirs: Any,
    load: Callable[..., UniformerSegmentor],
    picture: Callable[..., Array],
    order: str,
    size: tuple[int, int, int],
    resolution: int,
    upscale: str,
) -> None:
    image = picture(*size)
    expected = annotate(
        theirs,
        image,
        resolution,
        getattr(cv2, upscale),
        ADE20K_PALETTE,
        scale=SCALE,
        exchanged=order == 'swapped',
    )
    found = load(channel_order=order)(image, resolution, 'np', upscale)
    assert found.dtype == np.uint8
    if resolution:
        assert min(found.shape[:2]) == resolution
    assert len(np.unique(found.reshape(-1, 3), axis=0)) > 3
    assert np.array_equal(found, expected)


def test_the_orders_differ(
    load: Callable[..., UniformerSegmentor], picture: Callable[..., Array]
) -> None:
    image = picture(64, 80)
    right = load()(image, 64)
    swapped = load(channel_order='swapped')
    assert not np.array_equal(swapped(image, 64), right)
    assert np.array_equal(swapped(image[..., ::-1], 64), right)


def test_what_comes_out(
    load: Callable[..., UniformerSegmentor], picture: Callable[..., Array]
) -> None:
    annotator = load()
    assert annotator.to('cpu') is annotator
    array = picture(70, 80)
    image = Image.fromarray(array)
    expected = annotator(array)
    assert expected.shape == (512, 585, 3)
    assert type(expected) is np.ndarray
    for found in (
        annotator(image),
        annotator(array, output_type='pil'),
        annotator(img=array, return_pil=True),
    ):
        assert type(found) is Image.Image
        assert np.array_equal(np.asarray(found), expected)
    assert type(annotator(image, 64, output_type='np')) is np.ndarray


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({}, 'input_image must be given'),
        ({'detect_resolution': -1}, 'detect_resolution must be >= 0'),
        ({'detect_resolution': 64.5}, 'detect_resolution must be an int'),
        ({'upscale_method': 'cubic'}, "unknown upscale_method 'cubic'"),
        ({'output_type': 'torch'}, "choose one of .'np', 'pil'"),
        ({'resolution': 64}, r"unknown arguments \['resolution'\]"),
    ],
)
def test_what_can_not_be_asked(
    load: Callable[..., UniformerSegmentor],
    arguments: dict[str, Any],
    message: str,
) -> None:
    if arguments:
        arguments['input_image'] = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises((TypeError, ValueError), match=message):
        load()(**arguments)


def test_it_needs_a_segmentor() -> None:
    with pytest.raises(TypeError, match='must be a Segmentor, got Linear'):
        UniformerSegmentor(torch.nn.Linear(1, 1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('arguments', 'source'),
    [
        ((), 'upernet_uniformer-s_160k_ade20k_controlnet'),
        (('me/mine',), 'hf-hub:me/mine/upernet_global_small.pth'),
        (('me/mine', 'a.pth'), 'hf-hub:me/mine/a.pth'),
        (('hf-hub:me/mine',), 'hf-hub:me/mine'),
        (('semantic-fpn_uniformer-s_80k_ade20k',),) * 2,
        (('https://host/a.pth',), 'https://host/a.pth'),
    ],
)
def test_where_weights_come_from(
    monkeypatch: pytest.MonkeyPatch, arguments: Any, source: Any
) -> None:
    asked = []

    def from_pretrained(name: str) -> Segmentor:
        asked.append(name)
        return Segmentor({'depths': (1,) * 4, 'embed_dims': (64,) * 4})

    monkeypatch.setattr(Segmentor, 'from_pretrained', from_pretrained)
    UniformerSegmentor.from_pretrained(*arguments)
    assert asked == [source if isinstance(source, str) else source[0]]
