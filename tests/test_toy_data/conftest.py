from __future__ import annotations

from pathlib import Path

import pytest

from uniformer_mm.toy_data import ToyDataSpec, make_toy_data


@pytest.fixture(scope='session')
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set; not to be changed."""
    root = tmp_path_factory.mktemp('drawn') / 'toy'
    make_toy_data(
        root, ToyDataSpec(train=20, val=20, train_clips=24, val_clips=12)
    )
    return root
