from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.models import LIGHT
from uniformer_mm import UniFormer, UniFormerClassifier, UniFormerLight
from uniformer_mm.models.arguments import (
    check_input,
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


WITHOUT_LIGHT = {'depths': (1,) * 4, 'embed_dims': (64,) * 4, 'light': False}


@pytest.mark.parametrize(
    ('kind', 'arguments', 'message'),
    [
        (UniFormer, {'attention': 'local'}, r"'local'; choose .*'hybrid'\]"),
        (UniFormer, {'window_size': 0}, 'window_size must be >= 1, got 0'),
        (UniFormer, {'frozen_stages': 5}, r'lie in \[-1, 4\], got 5'),
        (UniFormer, {'drop_path_rate': 1.0}, 'drop_path_rate must lie in'),
        (UniFormer, {'drop_rate': -0.1}, r'drop_rate must lie in \[0, 1\)'),
        (UniFormer, {'attn_drop_rate': 2}, 'attn_drop_rate must lie in'),
        (UniFormer, {'head_dim': 48}, 'head_dim must be a divisor of'),
        (UniFormer, {'arch': 'huge'}, "unknown arch 'huge' of UniFormer; c"),
        (UniFormer, {'arch': 'xxs'}, r'UniFormer \(UniFormerLight has it\)'),
        (UniFormer, {'ndim': 4}, r'ndim must be 2 \(images\) or 3'),
        (UniFormer, {'split': True}, 'split=True needs ndim=3, got ndim=2'),
        (UniFormer, {'temporal_stride_std': True}, 'std=True needs ndim=3'),
        (UniFormer, {'ndim': 3, 'attention': 'hybrid'}, "videos .*'hybrid'"),
        (
            UniFormer,
            {'ndim': 3, 'stem': 'conv', 'temporal_stride_std': True},
            "is about patches, got stem='conv'",
        ),
        (UniFormer, {'stem': 'big'}, r"unknown stem 'big'; choose one of"),
        (UniFormer, {'layer_scale': [1e-6] * 3}, r'stage \(0: none\), got \('),
        (UniFormer, {'layer_scale': -1.0}, 'layer_scale must be a number'),
        (UniFormer, {'in_channels': 0}, 'in_channels must be >= 1, got 0'),
        (UniFormer, {'as_tuple': False}, 'as_tuple=False is for one output'),
        (UniFormer, {'out_norm': 'GN'}, "unknown out_norm 'GN'; choose"),
        (UniFormer, {'out_norm': 'BN'}, r'needs out_indices=\(3,\), got'),
        (UniFormer, {'with_cp': [1, 1, 1]}, 'with_cp must hold 4 counts'),
        (UniFormerLight, {'arch': 'small'}, r"'xs', 'xxs'\]"),
        (UniFormerLight, {'arch': WITHOUT_LIGHT}, 'ArchSpec with light=True'),
        (UniFormerLight, {'arch': {**LIGHT, 'stem': 'conv'}}, 'conv_first'),
        (UniFormerClassifier, {'num_classes': 0}, 'num_classes must be >= 1'),
        (UniFormerClassifier, {'arch': 'xs', 'token_labeling': True}, 'light'),
    ],
)
def test_an_argument_that_breaks_a_rule(
    kind: type, arguments: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


@pytest.mark.parametrize(
    ('kind', 'arguments', 'message'),
    [
        (UniFormer, {'window_size': 7.0}, 'window_size must be an int, got 7'),
        (UniFormer, {'frozen_stages': None}, 'frozen_stages must be an int'),
        (UniFormer, {'drop_rate': '0.1'}, 'drop_rate must be a number'),
        (UniFormer, {'in_channels': 3.0}, 'in_channels must be an int'),
        (UniFormer, {'norm_eval': 'no'}, 'norm_eval must be True or False'),
        (UniFormer, {'split': 'yes'}, 'split must be True or False'),
        (UniFormerLight, {'stem': 'conv'}, r"takes no \['stem'\]: these"),
        (UniFormerLight, {'attention': 'global'}, 'arguments of UniFormer$'),
        (UniFormerClassifier, {'num_classes': '1'}, "got '1'"),
        (UniFormerClassifier, {'out_norm': None}, 'are set by the class'),
        (UniFormerClassifier, {'depth': 3}, "argument 'depth'"),
    ],
)
def test_an_argument_of_a_wrong_type(
    kind: type, arguments: dict, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        kind(**arguments)


@pytest.mark.parametrize(
    ('ndim', 'x', 'error', 'message'),
    [
        (2, np.zeros((1, 3, 64, 64)), TypeError, 'torch.Tensor.*got ndarray'),
        (
            2,
            torch.zeros(1, 3, 64, 64, dtype=torch.uint8),
            TypeError,
            'floating point.*got torch.uint8',
        ),
        (2, torch.zeros(3, 64, 64), ValueError, r'4 dimensions.*\(3, 64, 64'),
        (2, torch.zeros(1, 4, 64, 64), ValueError, 'must have 3 channels'),
        (2, torch.zeros(1, 3, 64, 31), ValueError, 'at least 32 x 32 px'),
        (
            3,
            torch.zeros(1, 3, 64, 64),
            ValueError,
            r'5 dimensions \(N, C, T, H, W\) for ndim=3',
        ),
        (3, torch.zeros(1, 3, 1, 64, 64), ValueError, 'at least 2 frames'),
        (3, torch.zeros(1, 3, 4, 31, 64), ValueError, 'at least 32 x 32 px'),
    ],
)
def test_bad_input(ndim: int, x: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        check_input(x, ndim, in_channels=3, min_side=32)
