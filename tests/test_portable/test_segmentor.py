"""The segmentors compute what mmseg's do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.mmseg_models import (
    CLASSES,
    SMALL,
    SMALL_LIGHT,
    host_label_map,
    mmseg_model,
)
from uniformer_mm.portable import ADE20K_NAMES, ADE20K_PALETTE, Segmentor

pytest.importorskip('mmseg')
Array = np.ndarray[Any, Any]
SCALE = (256, 64)
HEADS = pytest.mark.parametrize('head', ['upernet', 'fpn'])
MODES = pytest.mark.parametrize(
    'mode',
    [
        {'attention': 'global'},
        {'attention': 'window', 'window_size': 3},
        {'attention': 'hybrid', 'window_size': 2},
        {},
    ],
    ids=['global', 'window', 'hybrid', 'light'],
)


def pair(head: str, mode: dict[str, Any], save: Any) -> tuple[Any, Segmentor]:
    """A segmentor of mmseg, and ours with its weights."""
    # Four blocks in stage 3, as hybrid attention has a global one of four.
    depths = (1, 1, 4, 1)
    arch = {**(SMALL if mode else SMALL_LIGHT), 'depths': depths}
    theirs = mmseg_model(head, arch, **mode)
    assert theirs.backbone.light is not bool(mode)
    ours = Segmentor.from_pretrained(
        save(theirs),
        head_dim=theirs.backbone.spec.head_dim,
        scale=SCALE,
        **mode,
    )
    return theirs, ours


@HEADS
@MODES
def test_logits_are_those_of_mmseg(
    head: str, mode: dict[str, Any], save: Callable[..., Path]
) -> None:
    theirs, ours = pair(head, mode, save)
    if mode:
        assert ours.backbone.attention == mode['attention']
    for n, height, width in [(1, 64, 64), (2, 96, 160), (1, 75, 133)]:
        x = torch.randn(n, 3, height, width)
        with torch.no_grad():
            expected = theirs.encode_decode(
                x, [{'img_shape': (height, width)}] * n
            )
            found = ours(x)
        assert found.shape == (n, CLASSES, height, width)
        assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


@HEADS
@pytest.mark.parametrize(
    'size', [(64, 64), (48, 80), (200, 131), (61, 190)], ids=str
)
def test_the_whole_pipeline(
    head: str,
    size: tuple[int, int],
    save: Callable[..., Path],
    picture: Callable[..., Array],
) -> None:
    theirs, ours = pair(head, {'attention': 'global'}, save)
    image = picture(*size)
    expected = host_label_map(theirs, image, SCALE, head).numpy()
    found = ours.predict(image)
    assert found.dtype == np.int64
    assert len(np.unique(expected)) > 3
    assert np.array_equal(found, expected)


def test_more_classes_than_are_held_together(
    save: Callable[..., Path],
    picture: Callable[..., Array],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, ours = pair('upernet', {'attention': 'global'}, save)
    image = picture(40, 90)
    expected = ours.predict(image)
    for together in (1, 149, 1000):
        monkeypatch.setattr('uniformer_mm.portable.classes.TOGETHER', together)
        assert np.array_equal(ours.predict(image), expected)


def test_swapped_is_red_for_blue(
    save: Callable[..., Path], picture: Callable[..., Array]
) -> None:
    _, ours = pair('upernet', {'attention': 'global'}, save)
    image = picture(64, 64)
    right = ours.predict(image)
    ours.channel_order = 'swapped'
    assert not np.array_equal(ours.predict(image), right)
    assert np.array_equal(ours.predict(image[..., ::-1]), right)


def test_names_and_colours_are_mmseg_s() -> None:
    from mmseg.utils import ade_classes, ade_palette

    assert list(ADE20K_NAMES) == ade_classes()
    assert ADE20K_PALETTE.tolist() == ade_palette()
    segmentor = Segmentor('xxs', 'fpn')
    assert segmentor.names is ADE20K_NAMES
    painted = segmentor.paint(np.array([[0, 149]]))
    assert painted.tolist() == [[ade_palette()[0], ade_palette()[-1]]]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'head': 'pspnet'}, "unknown head 'pspnet'"),
        ({'channel_order': 'bgr'}, "choose one of .'rgb', 'swapped'"),
        ({'num_classes': 0}, 'num_classes must be >= 1, got 0'),
        ({'num_classes': 2, 'names': ['a']}, 'must be 2, one per class'),
        ({'names': 'wall'}, 'a list of names'),
        ({'palette': [[0, 0, 0]]}, r'\(150, 3\) ints from 0 to 255'),
        ({'scale': (31, 512)}, 'scale must be two ints'),
        ({'attention': 'local'}, 'local'),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Segmentor(SMALL, **options)


def test_what_can_not_be_predicted() -> None:
    segmentor = Segmentor(SMALL, num_classes=3, channels=8, scale=SCALE)
    square = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(RuntimeError, match='eval mode'):
        segmentor.predict(square)
    with pytest.raises(ValueError, match='20 x 576, which becomes 9 x 256'):
        segmentor.eval().predict(np.zeros((20, 576), np.uint8))
    assert segmentor.names == ('0', '1', '2')
    with pytest.raises(ValueError, match='give palette='):
        segmentor.paint(segmentor.predict(square))
