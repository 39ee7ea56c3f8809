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
        ({'arch': 'huge'}, ValueError, "unknown arch 'huge' of UniFormer; c"),
        ({'arch': 'xxs'}, ValueError, "unknown arch 'xxs' of UniFormer; cho"),
        ({'ndim': 4}, ValueError, r'ndim must be 2 \(images\) or 3'),
        ({'split': True}, ValueError, 'split=True needs ndim=3, got ndim=2'),
        (
            {'temporal_stride_std': True},
            ValueError,
            'temporal_stride_std=True needs ndim=3',
        ),
        (
            {'ndim': 3, 'attention': 'hybrid'},
            ValueError,
            "must be 'global' for videos .*got 'hybrid'",
        ),
        (
            {'ndim': 3, 'stem': 'conv', 'temporal_stride_std': True},
            ValueError,
            "is about patches, got stem='conv'",
        ),
        ({'stem': 'big'}, ValueError, r"unknown stem 'big'; choose one of"),
        (
            {'layer_scale': [1e-6] * 3},
            ValueError,
            r'4 of them, one per stage \(0: none\), got \(1e-06,',
        ),
        ({'layer_scale': -1.0}, ValueError, 'layer_scale must be a number'),
        ({'drop_rate': '0.1'}, TypeError, 'drop_rate must be a number'),
        ({'in_channels': 0}, ValueError, 'in_channels must be >= 1, got 0'),
        ({'in_channels': 3.0}, TypeError, 'in_channels must be an int'),
        ({'norm_eval': 'no'}, TypeError, 'norm_eval must be True or False'),
        ({'split': 'yes'}, TypeError, 'split must be True or False'),
        ({'as_tuple': False}, ValueError, 'as_tuple=False is for one output'),
        ({'out_norm': 'GN'}, ValueError, "unknown out_norm 'GN'; choose"),
        ({'out_norm': 'BN'}, ValueError, r'needs out_indices=\(3,\), got'),
        ({'with_cp': [1, 1, 1]}, ValueError, 'with_cp must hold 4 counts'),
    ],
)
def test_bad_argument_of_the_backbone(
    arguments: dict, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        UniFormer(**arguments)


@pytest.mark.parametrize(
    ('kind', 'arguments', 'error', 'message'),
    [
        (UniFormerLight, {'arch': 'small'}, ValueError, r"'xs', 'xxs'\]"),
        (
            UniFormerLight,
            {
                'arch': {
                    'depths': (1,) * 4,
                    'embed_dims': (64,) * 4,
                    'light': False,
                }
            },
            ValueError,
            'UniFormerLight takes an ArchSpec with light=True',
        ),
        (UniFormerClassifier, {'num_classes': 0}, ValueError, 'must be >= 1'),
        (UniFormerClassifier, {'num_classes': '1'}, TypeError, "got '1'"),
        (
            UniFormerClassifier,
            {'arch': 'xs', 'token_labeling': True},
            ValueError,
            'token_labeling=True is not for light models',
        ),
        (
            UniFormerClassifier,
            {'out_norm': None},
            TypeError,
            r"\['out_norm'\] of the backbone are set by the classifier",
        ),
        (UniFormerClassifier, {'depth': 3}, TypeError, "argument 'depth'"),
        (
            UniFormerLight,
            {'arch': {**LIGHT, 'stem': 'conv'}},
            ValueError,
            "'patch' or 'conv_first' in light models",
        ),
    ],
)
def test_bad_argument_of_the_others(
    kind: type, arguments: dict, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
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
