from __future__ import annotations

import numpy as np
import pytest
import torch

from uniformer_mm import UniFormer
from uniformer_mm.backbones.arguments import (
    check_images,
    normalize_out_indices,
    normalize_with_cp,
)

DEPTHS = (3, 4, 8, 3)


def test_out_indices_are_sorted_and_the_callers_list_stays() -> None:
    given = [-1, 0]
    assert normalize_out_indices(given) == (0, 3)
    assert given == [-1, 0]


@pytest.mark.parametrize(
    ('value', 'error', 'message'),
    [
        ((4,), ValueError, r'out_indices must lie in \[-4, 3\], got 4'),
        ((0, -4), ValueError, r'none twice, got \(0, -4\)'),
        ((), ValueError, r'at least one stage.*got \(\)'),
        ('3', TypeError, r"sequence of ints, got '3'"),
        (3, TypeError, 'sequence of ints, got 3'),
        ((True,), TypeError, r'sequence of ints, got \(True,\)'),
    ],
)
def test_bad_out_indices(value: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        normalize_out_indices(value)


def test_with_cp_counts() -> None:
    assert normalize_with_cp(False, DEPTHS) == (0, 0, 0, 0)
    assert normalize_with_cp(True, DEPTHS) == DEPTHS
    assert normalize_with_cp([0, 0, 8, 0], DEPTHS) == (0, 0, 8, 0)


@pytest.mark.parametrize(
    ('value', 'error', 'message'),
    [
        ([0, 0, 9, 0], ValueError, r'counts between 0 and .*\(0, 0, 9, 0\)'),
        ([0, 0, 8], ValueError, r'must hold 4 counts.*got \(0, 0, 8\)'),
        (8, TypeError, 'with_cp must be a bool or a sequence of ints'),
    ],
)
def test_bad_with_cp(value: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        normalize_with_cp(value, DEPTHS)


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        (
            {'attention': 'local'},
            ValueError,
            r"'local'; choose one of \['global', 'window', 'hybrid'\]",
        ),
        ({'window_size': 0}, ValueError, 'at least 1 token, got 0'),
        ({'window_size': 7.0}, TypeError, 'window_size must be an int, got 7'),
        ({'frozen_stages': 5}, ValueError, r'lie in \[-1, 4\], got 5'),
        ({'frozen_stages': None}, TypeError, 'frozen_stages must be an int'),
        ({'drop_path_rate': 1.0}, ValueError, r'drop_path_rate must lie in'),
        ({'drop_rate': -0.1}, ValueError, r'drop_rate must lie in \[0, 1\)'),
        ({'attn_drop_rate': 2}, ValueError, 'attn_drop_rate must lie in'),
        ({'head_dim': 48}, ValueError, 'head_dim must be a positive divisor'),
        ({'arch': 'huge'}, ValueError, "unknown arch 'huge'; choose one of"),
    ],
)
def test_bad_argument_of_the_backbone(
    arguments: dict, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        UniFormer(**arguments)


@pytest.mark.parametrize(
    ('x', 'error', 'message'),
    [
        (np.zeros((1, 3, 64, 64)), TypeError, 'torch.Tensor.*got ndarray'),
        (
            torch.zeros(1, 3, 64, 64, dtype=torch.uint8),
            TypeError,
            'floating point.*got torch.uint8',
        ),
        (torch.zeros(3, 64, 64), ValueError, r'4 dimensions.*\(3, 64, 64\)'),
        (torch.zeros(1, 4, 64, 64), ValueError, 'must have 3 channels'),
        (torch.zeros(1, 3, 64, 31), ValueError, 'at least 32 x 32 px'),
    ],
)
def test_bad_images(x: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        check_images(x, in_channels=3, min_side=32)
