"""Where outputs lie in memory: plain by default, channels-last on request."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.models import build, every_kind, random_input
from uniformer_mm import deploy

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
# Sides of stage 4: 2 x 3 pixels or, rounded up, 3 x 4.
SIDES = (65, 97)


def outputs(model: Any, x: Tensor, has_grad: bool) -> tuple[Tensor, ...]:
    """Return the maps, a single one in a tuple too."""
    with torch.set_grad_enabled(has_grad):
        outs = model(x)
    return outs if isinstance(outs, tuple) else (outs,)


FORMS: dict[str, dict[str, Any]] = {
    'plain': {},
    'checkpointed': {'with_cp': True},
    'no norm': {'out_norm': None},
    'batch norm': {'out_norm': 'BN', 'out_indices': (3,)},
    'one map': {'as_tuple': False, 'out_indices': (2,)},
    'early stages': {'out_indices': (0, 1)},
}


@every_kind
@pytest.mark.parametrize('has_grad', [False, True])
@pytest.mark.parametrize('form', list(FORMS))
@pytest.mark.parametrize('n', [1, 2])
def test_maps_are_contiguous_by_default(
    kind: str, form: str, n: int, has_grad: bool
) -> None:
    model = build(kind, **FORMS[form])
    x = random_input(kind, n, *SIDES, t=5)
    nhwc = x.contiguous(memory_format=CHANNELS_LAST[x.ndim])
    for training in (True, False):
        model.train(training)
        outs = *outputs(model, x, has_grad), *outputs(model, nhwc, has_grad)
        assert all(out.is_contiguous() for out in outs)
        assert all(out.requires_grad == has_grad for out in outs)


@every_kind
@pytest.mark.parametrize('n', [1, 2])
def test_maps_of_the_deployed_form_are_contiguous_by_default(
    kind: str, n: int
) -> None:
    model = deploy(build(kind).eval())
    x = random_input(kind, n, *SIDES, t=5)
    nhwc = x.contiguous(memory_format=CHANNELS_LAST[x.ndim])
    for has_grad in (False, True):
        outs = *outputs(model, x, has_grad), *outputs(model, nhwc, has_grad)
        assert all(out.is_contiguous() for out in outs)


@every_kind
@pytest.mark.parametrize('form', [*FORMS, 'deployed'])
@pytest.mark.parametrize('n', [1, 2])
def test_maps_are_channels_last_on_request(
    kind: str, form: str, n: int
) -> None:
    arguments = FORMS.get(form, {})
    plain = build(kind, **arguments).eval()
    model = build(kind, **arguments, out_channels_last=True).eval()
    if form == 'deployed':
        deploy(plain)
        deploy(model)
    x = random_input(kind, n, *SIDES, t=5)
    for has_grad in (False, True):
        expected = outputs(plain, x, has_grad)
        got = outputs(model, x, has_grad)
        for a, b in zip(got, expected, strict=True):
            assert a.is_contiguous(memory_format=CHANNELS_LAST[x.ndim])
            assert not a.is_contiguous()
            assert torch.equal(a, b)


@every_kind
def test_a_map_of_one_pixel_keeps_the_next_layer_contiguous(kind: str) -> None:
    # The strides of (N, C, 1, 1) can mean channels-last beside contiguous
    # memory, and a layer after it then makes channels-last maps.
    model = build(kind, out_indices=(3,)).eval()
    (out,) = outputs(model, random_input(kind, 2, 32, 32, t=2), False)
    assert out.shape[2:].numel() == 1
    layers = {4: nn.ConvTranspose2d, 5: nn.ConvTranspose3d}
    assert layers[out.ndim](out.shape[1], 8, 4)(out).is_contiguous()
