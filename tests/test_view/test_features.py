"""Maps as numbers and colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from uniformer_mm.view.features import components, strength
from uniformer_mm.view.panels import (
    Panel,
    enlarge,
    frame_of,
    mark,
    overlay,
    sheet_of,
)


def test_strength() -> None:
    features = torch.tensor([[[3.0, 0.0]], [[4.0, 5.0]]])
    assert strength(features).tolist() == [[1, 1]]
    assert strength(features * torch.tensor([[3.0, 1.0]])).tolist() == [
        [1.5, 0.5]
    ]
    assert not strength(torch.zeros(2, 1, 2)).any()


def test_components() -> None:
    """They are those of a singular value decomposition, up to their sign."""
    torch.manual_seed(0)
    features = torch.randn(6, 4, 5) * torch.arange(1, 7).view(6, 1, 1)
    x = features.flatten(1).double().numpy()
    x = x - x.mean(1, keepdims=True)
    left, values, right = np.linalg.svd(x, full_matrices=False)
    signs = np.sign(left[np.abs(left).argmax(0), np.arange(6)])
    right = right * signs[:, None] * np.sqrt(x.shape[1])
    expected = np.clip(right[:3] / 4 + 0.5, 0, 1).reshape(3, 4, 5)
    assert values[2] > values[3]
    np.testing.assert_allclose(components(features), expected, atol=1e-6)
    assert (components(torch.ones(4, 1, 1)) == 0.5).all()


def test_enlarge_follows_the_strides() -> None:
    """Each token is where its patch is, whatever is padding or left out."""
    values = torch.arange(6.0).view(2, 3)
    big = enlarge(values, 16, np.zeros((1, 40, 44, 3)))
    assert big.shape == (1, 40, 44)
    assert not big[0, :8, :8].any()
    assert (big[0, 24:, 40:] == 5).all()
    # Halfway between the middles of four patches.
    assert big[0, 15:17, 15:17].mean() == pytest.approx(2)
    assert (big[0, 32:] == big[0, 31]).all()
    colors = enlarge(values.expand(3, 2, 3), 16, np.zeros((1, 32, 48, 3)))
    assert colors.shape == (1, 32, 48, 3)
    over_time = torch.arange(2.0).view(2, 1, 1)
    big = enlarge(over_time, 8, np.zeros((4, 8, 8, 3)))
    assert big[:, 0, 0].tolist() == [0, 0, 1, 1]


def test_overlay_and_mark() -> None:
    frames = np.full((2, 40, 40, 3), 100, np.uint8)
    values = np.zeros((2, 40, 40))
    values[1, 30:] = 3
    shown = overlay(frames, values)
    assert shown[1, 35, 5, 0] > shown[1, 5, 5, 0]
    assert (shown[0] == shown[1, 5]).all()
    assert (overlay(frames, values, dim=values * 0) < shown).mean() > 0.9
    assert overlay(frames, values * 0).std(axis=(0, 1, 2)).max() == 0
    marked = mark(frames, 20, 10, 1)
    assert (marked[0] == 100).all()
    rows, columns = np.nonzero((marked[1] == 255).all(-1))
    assert (rows.mean(), columns.mean()) == pytest.approx((10, 20), abs=1)


def test_sheets() -> None:
    pictures = [
        Panel(str(i), np.full((1, 30, 50, 3), i, np.uint8)) for i in (0, 1)
    ]
    sheet = sheet_of(pictures)
    assert sheet.shape[1] > 2 * 256
    assert np.array_equal(sheet, frame_of(pictures, 0))
    assert {0, 1} <= set(np.unique(sheet))
    clip = [Panel('clip', np.zeros((9, 30, 30, 3), np.uint8))] * 2
    assert sheet_of(clip).shape[1] // 256 == 5
    assert sheet_of(clip, 3).shape[1] // 256 == 6
    assert sheet_of(clip, 4).shape == sheet_of(clip).shape
    assert all(side % 2 == 0 for side in frame_of(clip, 3).shape[:2])
    large = [Panel('a', np.zeros((1, 2000, 10, 3), np.uint8))]
    assert sheet_of(large).shape[0] < 700
