from __future__ import annotations

import dataclasses
import math

import pytest

from uniformer_mm import ARCHS, ArchSpec
from uniformer_mm.models.specs import resolve_arch


def test_name_spec_and_mapping_give_the_same() -> None:
    small = ARCHS['small']
    assert resolve_arch('small') is small
    assert resolve_arch(small) is small
    assert resolve_arch(dataclasses.asdict(small)) == small
    fields = {'depths': [3, 4, 8, 3], 'embed_dims': [64, 128, 320, 512]}
    spec = resolve_arch(fields)
    assert spec == dataclasses.replace(small, params=None)
    assert fields['depths'] == [3, 4, 8, 3]  # the caller's list stays a list


@pytest.mark.parametrize(
    ('arch', 'error', 'message'),
    [
        ('tiny', ValueError, r"'tiny' of UniFormer; choose one of \['base'"),
        (3, TypeError, r'arch must be one of \[.*got int'),
        ({'depths': (1, 1, 1, 1)}, ValueError, r"missing \['embed_dims'\]"),
        (
            {'depths': (1,) * 4, 'embed_dims': (64,) * 4, 'dim': 1},
            ValueError,
            r"unknown \['dim'\]",
        ),
    ],
)
def test_bad_arch(arch: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        resolve_arch(arch)


@pytest.mark.parametrize(
    ('change', 'error', 'message'),
    [
        ({'depths': (1, 2, 3)}, ValueError, 'depths must be 4 positive ints'),
        ({'depths': (1, 2, 0, 3)}, ValueError, 'depths must be 4 positive'),
        ({'embed_dims': (8, 8, 8.0, 8)}, TypeError, 'embed_dims must be 4'),
        ({'head_dim': 48}, ValueError, r'a divisor.*got 48'),
        ({'head_dim': 0}, ValueError, 'head_dim must be >= 1, got 0'),
        ({'head_dim': '64'}, TypeError, "head_dim must be an int, got '64'"),
        ({'mlp_ratio': 0}, ValueError, 'every MLP a hidden channel, .* got 0'),
        ({'mlp_ratio': 1e308}, ValueError, 'fewer than 2.*31, got 1e'),
        ({'mlp_ratio': math.inf}, ValueError, 'fewer than 2.*31, got inf'),
        ({'mlp_ratio': 2**70}, ValueError, 'fewer than 2.*31, got 1180'),
        ({'mlp_ratio': '4'}, TypeError, "mlp_ratio must be a number, got '4'"),
        ({'depths': 3}, TypeError, 'depths must be 4 positive.*got 3'),
        ({'layer_scale': '1'}, TypeError, 'layer_scale must be a number'),
        ({'layer_scale': True}, TypeError, 'layer_scale must be a number'),
        ({'layer_scale': math.inf}, ValueError, 'from 0 to 65504 .*got .inf'),
        ({'layer_scale': math.nan}, ValueError, 'must be >= -inf, got nan'),
        ({'layer_scale': 1e308}, ValueError, 'from 0 to 65504 .*got .1e.308'),
        ({'layer_scale': 2**70}, ValueError, 'from 0 to 65504 .*got .1180'),
        ({'light': 0}, TypeError, 'light must be True or False, got 0'),
        ({'stem': 'x'}, ValueError, "unknown stem 'x'; choose one of"),
        ({'layer_scale': (1.0,)}, ValueError, 'layer_scale must be a number'),
    ],
)
def test_bad_field(change: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        dataclasses.replace(ARCHS['small'], **change)


def test_the_table_and_a_spec_are_frozen() -> None:
    with pytest.raises(TypeError, match='does not support item assignment'):
        ARCHS['small'] = ARCHS['base']  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        ARCHS['small'].head_dim = 32  # type: ignore[misc]
    assert isinstance(ARCHS['small'], ArchSpec)
