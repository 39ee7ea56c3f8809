from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

Array = np.ndarray[Any, Any]


@pytest.fixture(scope='session')
def picture() -> Callable[..., Array]:
    """Smooth random pictures: (H, W, channels), uint8."""

    def make(height: int, width: int, channels: int = 3) -> Array:
        random = np.random.default_rng(height * width)
        coarse = random.integers(0, 256, (6, 8, channels), dtype=np.uint8)
        image = cv2.resize(
            coarse, (width, height), interpolation=cv2.INTER_CUBIC
        )
        return image.reshape(height, width, channels)

    return make


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write weights as a training file does."""

    def write(model: Any, prefix: str = '', **meta: Any) -> Path:
        state = {f'{prefix}{k}': v for k, v in model.state_dict().items()}
        path = tmp_path / 'file.pth'
        torch.save({'state_dict': state, 'meta': meta}, path)
        return path

    return write
