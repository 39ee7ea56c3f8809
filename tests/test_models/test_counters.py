"""Counters of parameters and multiply-adds agree with the suite's own."""

from __future__ import annotations

import torch
from ptflops import get_model_complexity_info
from thop import profile
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.support.changes import LINEAR
from tests.support.models import every_kind, random_input
from tests.support.small import small
from uniformer_mm import fast
from uniformer_mm.analysis.meter import Meter, Part

NORMS = (nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm)


def given(kind: str) -> tuple[nn.Module, Tensor]:
    return small(kind).requires_grad_(False), random_input(kind, 1, 64, 64)


def counted(model: nn.Module, x: Tensor) -> Part:
    """What ``uniformer-mm flops`` counts."""
    meter = Meter(nn.ModuleDict({'backbone': model}))
    meter.run('backbone', x)
    return meter.parts[0]


def in_layers(model: nn.Module, x: Tensor) -> int:
    """The multiply-adds of convolutions and linear layers alone."""
    counts = []

    def count(layer: nn.Module, _args: object, out: Tensor) -> None:
        # (out, in, ...): the size of a row for each number that comes out
        counts.append(out.numel() * layer.weight[0].numel())

    handles = [
        layer.register_forward_hook(count)
        for layer in model.modules()
        if isinstance(layer, LINEAR)
    ]
    with torch.no_grad(), fast.plain():
        model(x)
    for handle in handles:
        handle.remove()
    return sum(counts)


@every_kind
def test_thop_counts_every_layer(kind: str) -> None:
    """Thop has rules for layers: none for attention and lone parameters."""
    model, x = given(kind)
    part = counted(model, x)
    layers = in_layers(model, x)
    assert layers < part.macs
    lone = sum(
        p.numel()
        for name, p in model.named_parameters()
        if 'gamma_' in name or name == 'cls_token'
    )
    # It adds norms, which the suite does not count.
    rules = {norm: lambda *_: None for norm in NORMS}
    macs, params = profile(model, (x,), verbose=False, custom_ops=rules)
    assert macs == layers
    assert params == part.params - lone


@every_kind
def test_ptflops_counts_every_layer(kind: str) -> None:
    """Ptflops adds biases and sums, a few per cent of layers as thin."""
    model, x = given(kind)
    part = counted(model, x)
    layers = in_layers(model, x)
    macs, params = get_model_complexity_info(
        model.requires_grad_(True),  # it counts what trains
        tuple(x.shape[1:]),
        as_strings=False,
        print_per_layer_stat=False,
        verbose=False,
        backend='pytorch',
        ignore_modules=[*NORMS, nn.GELU],
    )
    assert layers <= macs <= 1.1 * layers
    assert params == part.params


@every_kind
def test_ptflops_counts_every_operation(kind: str) -> None:
    """By operations it sees attention, and adds norms, gains and sums."""
    model, x = given(kind)
    part = counted(model, x)
    with sdpa_kernel(SDPBackend.MATH):
        macs, _ = get_model_complexity_info(
            model,
            tuple(x.shape[1:]),
            as_strings=False,
            print_per_layer_stat=False,
            verbose=False,
            backend='aten',
        )
    assert part.macs <= macs <= 1.1 * part.macs


@every_kind
def test_counting_leaves_the_model_as_it_was(kind: str) -> None:
    model, x = given(kind)
    expected = model(x)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    counted(model, x)
    assert model.state_dict().keys() == state.keys()
    torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0)
    torch.testing.assert_close(model(x), expected, rtol=0, atol=0)
