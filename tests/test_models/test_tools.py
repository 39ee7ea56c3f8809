"""Tools that people use on any torch model work on ours."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from mmcv.cnn import fuse_conv_bn
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from tests.support.changes import LINEAR
from tests.support.edits import one_by_one
from tests.support.lora import inject
from tests.support.models import every_kind, random_input, random_loss
from tests.support.modes import MODES, TOLERANCE, run
from tests.support.small import (
    many_tokens,
    relative_error,
    small,
    through_a_file,
)
from uniformer_mm import deploy


def adaptable(model: nn.Module) -> list[str]:
    """Linear layers and 1x1 convolutions of blocks."""
    return [
        name
        for name, module in model.named_modules()
        if name.startswith('blocks')
        and (isinstance(module, nn.Linear) or one_by_one(name, module))
    ]


def assert_adapters_count(
    model: nn.Module, x: torch.Tensor, adapters: list[nn.Parameter]
) -> None:
    """They get gradients, and in inference what they have learnt counts."""
    random_loss(model(x)).backward()
    assert all(p.grad is not None for p in adapters)
    before = run('no_grad', model, x)
    with torch.no_grad():
        for parameter in adapters:
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    after = {mode: run(mode, model, x) for mode in MODES}
    assert relative_error(after['plain'], before) > 1e-3
    for mode, outs in after.items():
        assert relative_error(outs, after['plain']) <= TOLERANCE, mode


@every_kind
def test_low_rank_adapters_start_as_no_change_and_learn(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    expected = run('plain', model, x)
    inject(model, adaptable(model))
    for mode in MODES:
        assert relative_error(run(mode, model, x), expected) <= TOLERANCE
    adapters = [p for p in model.parameters() if p.requires_grad]
    assert_adapters_count(model, x, adapters)


@pytest.mark.parametrize('kind', ['image', 'video', 'split', 'light'])
def test_adapters_of_peft_start_as_no_change_and_learn(kind: str) -> None:
    peft = pytest.importorskip(
        'peft', reason='its transformers and mmaction2 exclude each other'
    )
    model, x = small(kind), many_tokens(kind)
    expected = run('plain', model, x)
    layers = adaptable(model)
    config = peft.LoraConfig(r=2, target_modules=layers)
    model = peft.inject_adapter_in_model(config, model).eval()
    for mode in MODES:
        assert relative_error(run(mode, model, x), expected) <= TOLERANCE
    adapters = {
        name: p for name, p in model.named_parameters() if 'lora_' in name
    }
    assert len(adapters) == 2 * len(layers)
    assert_adapters_count(model, x, list(adapters.values()))


@every_kind
def test_pruning_counts_and_can_be_made_permanent(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    before = run('plain', model, x)
    layers = [m for m in model.modules() if isinstance(m, LINEAR)]
    prune.global_unstructured(
        [(layer, 'weight') for layer in layers],
        pruning_method=prune.L1Unstructured,
        amount=0.5,
    )
    masked = run('no_grad', model, x)
    assert relative_error(masked, before) > 1e-3
    random_loss(model(x)).backward()
    assert all(layer.weight_orig.grad is not None for layer in layers)
    for layer in layers:
        prune.remove(layer, 'weight')
    weights = torch.cat([layer.weight.flatten() for layer in layers])
    assert (weights == 0).float().mean() == pytest.approx(0.5, abs=0.01)
    for mode in MODES:
        assert relative_error(run(mode, model, x), masked) <= TOLERANCE


@every_kind
def test_weight_norm_can_be_put_on_and_taken_off(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    expected = run('plain', model, x)
    layers = [m for m in model.modules() if isinstance(m, LINEAR)]
    for layer in layers:
        parametrizations.weight_norm(layer)
    for mode in MODES:
        assert relative_error(run(mode, model, x), expected) <= TOLERANCE
    random_loss(model(x)).backward()
    for layer in layers:
        gain = layer.parametrizations.weight.original0
        assert gain.grad.abs().sum() > 0 or not layer.weight.requires_grad
        parametrize.remove_parametrizations(layer, 'weight')
    for mode in MODES:
        assert relative_error(run(mode, model, x), expected) <= TOLERANCE


@every_kind
def test_every_linear_layer_is_quantized(kind: str) -> None:
    from torch.ao.nn.quantized.dynamic import Linear as Quantized
    from torch.ao.quantization import quantize_dynamic

    model, x = small(kind), random_input(kind, 2, 64, 64)
    expected = run('plain', model, x)
    wanted = [n for n, m in model.named_modules() if isinstance(m, nn.Linear)]
    quantized = quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    found = [
        n for n, m in quantized.named_modules() if isinstance(m, Quantized)
    ]
    assert found == wanted
    outs = run('plain', quantized, x)
    # Of light models, tokens trade places.
    if not model.spec.light:
        assert relative_error(outs, expected) < 0.2
    for mode in ('no_grad', 'inference_mode'):
        assert relative_error(run(mode, quantized, x), outs) <= TOLERANCE


@every_kind
def test_mmcv_fuses_the_right_norms(kind: str) -> None:
    model, x = small(kind), many_tokens(kind)
    expected = run('plain', model, x)
    fused = fuse_conv_bn(copy.deepcopy(model))
    for mode in MODES:
        assert relative_error(run(mode, fused, x), expected) <= 1e-4, mode


@every_kind
@pytest.mark.parametrize(
    'copied',
    [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), through_a_file],
    ids=['deepcopy', 'pickle', 'torch.save'],
)
def test_whole_models_are_copied(kind: str, copied: Any) -> None:
    model, x = small(kind), many_tokens(kind)
    expected = run('no_grad', model, x)
    twin = copied(model)
    assert type(twin) is type(model)
    for mode in MODES:
        assert relative_error(run(mode, twin, x), expected) <= TOLERANCE
    # A copy has weights of its own.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    for mode in ('no_grad', 'gradients'):
        assert relative_error(run(mode, twin, x), expected) <= TOLERANCE
        assert relative_error(run(mode, model, x), expected) > 1e-3


@pytest.mark.parametrize('how', ['script', 'trace'])
@pytest.mark.parametrize(
    ('place', 'shape', 'folds'),
    [
        ('patch_embed1.proj', (2, 3, 8, 8), True),
        ('blocks1.0.conv1', (2, 8, 8, 8), False),
        ('blocks3.0.mlp', (2, 8, 8, 32), True),
    ],
)
@pytest.mark.filterwarnings('ignore:.*torch.jit:FutureWarning')
def test_torchscript_in_the_place_of_a_part(
    how: str, place: str, shape: tuple[int, ...], folds: bool
) -> None:
    model, x = small('image'), many_tokens('image')
    expected = run('plain', model, x)
    parent, _, name = place.rpartition('.')
    holder, part = model.get_submodule(parent), model.get_submodule(place)
    if how == 'script':
        setattr(holder, name, torch.jit.script(part))
    else:
        setattr(holder, name, torch.jit.trace(part, torch.rand(shape)))
    for mode in MODES:
        assert relative_error(run(mode, model, x), expected) <= TOLERANCE
    if folds:
        outs = run('no_grad', deploy(model), x)
        assert relative_error(outs, expected) <= 1e-4
    else:
        with pytest.raises(ValueError, match=rf'\n  {place} '):
            deploy(model)
