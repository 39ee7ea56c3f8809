"""Arguments and inputs of any kind: a model that works, or a clear refusal."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from tests.support.fuzz import (
    Count,
    any_value,
    assert_documented,
    bounded,
    examples,
)
from tests.support.models import KINDS, TINY
from tests.support.small import small
from uniformer_mm import UniFormer, UniFormerLight
from uniformer_mm.models import ArchSpec

SMALL_ARCH = {**TINY, 'depths': (1, 1, 2, 1)}
sizes = st.lists(st.integers(1, 3), min_size=4, max_size=4)
# Argument -> values that are likely right; any other kind comes besides.
ARGUMENTS: dict[str, Any] = {
    'ndim': st.sampled_from([2, 3, 1]),
    'attention': st.sampled_from(['global', 'window', 'hybrid', 'none']),
    'window_size': st.integers(-1, 20),
    'in_channels': st.integers(0, 6),
    'out_indices': st.lists(st.integers(-5, 5), max_size=5),
    'frozen_stages': st.integers(-2, 6),
    'norm_eval': st.booleans(),
    'with_cp': st.one_of(st.booleans(), sizes),
    'drop_path_rate': st.floats(-0.1, 1.1),
    'drop_rate': st.floats(-0.1, 1.1),
    'attn_drop_rate': st.floats(-0.1, 1.1),
    'qkv_bias': st.booleans(),
    'qk_scale': st.one_of(st.none(), st.floats()),
    'layer_scale': st.one_of(st.floats(), sizes),
    'out_norm': st.sampled_from(['LN', 'BN', None, 'GN']),
    'as_tuple': st.booleans(),
    'split': st.booleans(),
    'out_channels_last': st.booleans(),
}
ARCH: dict[str, Any] = {
    'depths': st.lists(st.integers(-1, 2), min_size=3, max_size=5),
    'embed_dims': st.lists(
        st.sampled_from([0, 8, 16, 32, 30]), min_size=4, max_size=4
    ),
    'head_dim': st.sampled_from([8, 16, 7, 0]),
    'mlp_ratio': st.floats(),
    'stem': st.sampled_from(['patch', 'conv', 'conv_first', 'none']),
}


def some_of(values: dict[str, Any]) -> Any:
    """A few of the arguments, each likely right or of any kind."""
    return st.dictionaries(
        st.sampled_from(sorted(values)), st.none(), max_size=4
    ).flatmap(
        lambda chosen: st.fixed_dictionaries(
            {
                name: st.one_of(values[name], values[name], any_value(st))
                for name in chosen
            }
        )
    )


@pytest.mark.parametrize('cls', [UniFormer, UniFormerLight])
def test_constructors(cls: type, count: Count) -> None:
    @examples(60)
    @given(some_of(ARGUMENTS), some_of(ARCH))
    def build(arguments: dict[str, Any], arch: dict[str, Any]) -> None:
        count()
        spec = {**SMALL_ARCH, **arch}
        if cls is UniFormerLight:
            spec.setdefault('stem', 'conv_first')
        with bounded():
            try:
                model: Any = cls(spec, **arguments)
            except (TypeError, ValueError) as error:
                assert_documented(error)
                return
            x = torch.rand(
                1,
                model.in_channels,
                *([4] if model.ndim == 3 else []),
                33,
                32 + 3 * model.in_channels,
            )
            with torch.no_grad():
                outputs = model.eval()(x)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        assert len(outputs) == len(model.out_indices)
        assert all(map(is_finite, outputs))

    build()


def is_finite(y: Tensor) -> bool:
    return bool(y.isfinite().all())


@examples(40)
@given(any_value(st))
def test_archs_of_any_kind(arch: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        UniFormer(arch)
    assert_documented(caught.value, 'arch')


@examples(40)
@given(some_of(ARCH))
def test_specs(arch: dict[str, Any]) -> None:
    with bounded():
        try:
            ArchSpec(**{**SMALL_ARCH, **arch})
        except (TypeError, ValueError) as error:
            assert_documented(error)


MODELS = {kind: small(kind) for kind in ('image', 'video', 'light')}
DTYPES = (torch.float32, torch.float64, torch.float16, torch.int64, torch.bool)


def test_inputs(count: Count) -> None:
    @examples(80)
    @given(
        st.sampled_from(list(MODELS)),
        st.lists(st.integers(0, 70), max_size=6),
        st.sampled_from((torch.float32, *DTYPES)),
        st.sampled_from(['cpu', 'cpu', 'cpu', 'meta']),
    )
    def forward(
        kind: str, shape: list[int], dtype: torch.dtype, device: str
    ) -> None:
        count()
        model = MODELS[kind]
        frames = [4] if KINDS[kind][1].get('ndim') == 3 else []
        # Most shapes have the right number of sides, and a batch of one.
        if len(shape) == 2:
            shape = [1, 3, *frames, *shape]
        assume(math.prod(shape) < 1e6)
        x = torch.zeros(shape, dtype=dtype, device=device)
        with bounded(), torch.no_grad():
            try:
                outputs = model(x)
            except (TypeError, ValueError) as error:
                assert_documented(error, 'input', 'clip', 'channels')
                return
        assert all(map(is_finite, outputs))

    forward()
