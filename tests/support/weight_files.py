"""Weight files as the authors, the hosts and attackers write them."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from uniformer_mm.weights.files import WeightFileError, read_weights

WEIGHTS = {
    'norm.weight': torch.arange(6.0).reshape(2, 3),
    'norm.num_batches_tracked': torch.tensor(7),
}
AVERAGED = {key: value + 1 for key, value in WEIGHTS.items()}
PREFIXED = {f'module.{key}': value for key, value in WEIGHTS.items()}
ARGS = argparse.Namespace(model='uniformer_small', lr=5e-4, betas=[0.9])
TRAINING = {'optimizer': {'state': {}}, 'lr_scheduler': {}, 'epoch': 299}
# content of an official file -> the entry its raw and averaged weights are in
OFFICIAL: dict[str, tuple[Any, str, str | None]] = {
    'image training': (
        {
            'model': WEIGHTS,
            'model_ema': AVERAGED,
            **TRAINING,
            'scaler': {'scale': 65536.0},
            'args': ARGS,
            'max_accuracy': 82.9,
        },
        'model',
        'model_ema',
    ),
    'image release': ({'model': WEIGHTS}, 'model', None),
    'light release': (OrderedDict(WEIGHTS), 'bare', None),
    'bare with parameters': (
        {k: nn.Parameter(v, False) for k, v in WEIGHTS.items()},
        'bare',
        None,
    ),
    'timm saver': (
        {
            'state_dict': PREFIXED,
            'state_dict_ema': AVERAGED,
            'args': ARGS,
            'arch': 'uniformer_small',
            'version': 2,
        },
        'state_dict',
        'state_dict_ema',
    ),
    'video': (
        {
            'model_state': WEIGHTS,
            'optimizer_state': {},
            'epoch': 99,
            'cfg': 'TRAIN:\n  ENABLE: true\n',
        },
        'model_state',
        None,
    ),
    'host': (
        {
            'state_dict': WEIGHTS,
            'meta': {'CLASSES': ('cat',), 'epoch': 12, 'mmcv': '1.3.3'},
            'optimizer': {'state': {}},
            'amp': {'loss_scaler0': {'loss_scale': 65536.0}},
        },
        'state_dict',
        None,
    ),
}
LEGACY = {'_use_new_zipfile_serialization': False}
BOTH_FORMATS = pytest.mark.parametrize(
    'options', [{}, LEGACY], ids=['zip', 'legacy']
)


class Hostile:
    """Leaves a folder behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f'mkdir {self.mark}',)


class Other:
    """A class that is not on torch's list."""


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    return list(ours) == list(theirs) and all(
        ours[k].dtype == v.dtype and torch.equal(ours[k], v)
        for k, v in theirs.items()
    )


def packed(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def tensors(path: Path, content: bytes) -> dict[str, Tensor]:
    """Return the weights of a file with that content."""
    path.write_bytes(content)
    return read_weights(path).state


def refused(path: Path, match: str, **options: Any) -> str:
    """Read ``path``, which fails and leaves the folder as it was."""
    before = sorted(path.parent.glob('*'))
    with pytest.raises(WeightFileError, match=match) as caught:
        read_weights(path, **options)
    assert str(path) in str(caught.value)
    assert sorted(path.parent.glob('*')) == before
    return str(caught.value)


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's right to read and write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
