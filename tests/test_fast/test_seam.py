"""The seam: where fast forms run, where not, and how one is added."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.forward_ad import dual_level, make_dual
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.flop_counter import FlopCounterMode

from tests.support.fast_runs import (
    assert_close,
    counted,
    make_everything_pay,
)
from tests.support.models import build, every_kind, random_input
from tests.support.reading_cost import cost
from uniformer_mm import fast
from uniformer_mm.fast import forms, path
from uniformer_mm.models.attention import Attention
from uniformer_mm.models.blocks import AttentionBlock, ConvBlock
from uniformer_mm.models.layers import Mlp

X = random_input('image', 1, 64, 64)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_everything_pay(monkeypatch)


def count_of(run: Callable[[Any], object]) -> Counter[str]:
    """The fast forms of ``run`` of a model."""
    model = build('image').eval()
    with torch.no_grad(), counted() as count:
        run(model)
    return count


def under_autocast(model: nn.Module) -> None:
    with torch.autocast('cpu', dtype=torch.bfloat16):
        model(X)


def without_onednn(model: nn.Module) -> None:
    with torch.backends.mkldnn.flags(enabled=False):
        model(X)


def with_fake_tensors(model: nn.Module) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        model(mode.from_tensor(X))


def with_tangents(model: nn.Module) -> None:
    # torch has no tangents of its fused attention.
    with dual_level():
        model.blocks1[0](model.patch_embed1(make_dual(X, X)))


def with_a_hook_on_all(model: nn.Module) -> None:
    with register_module_forward_hook(lambda *_: None):
        model(X)


def counting_flops(model: nn.Module) -> None:
    with FlopCounterMode(display=False) as counter:
        model(X)
    assert counter.get_total_flops() > 1e6


class Own(Tensor):
    """A subclass, as quantisers make them."""


@pytest.mark.parametrize(
    'run',
    [
        under_autocast,
        with_fake_tensors,
        with_tangents,
        with_a_hook_on_all,
        counting_flops,
        lambda model: torch.func.vmap(lambda x: model(x[None]))(X),
        lambda model: torch.jit.trace(model, X, check_trace=False),
        lambda model: torch.compile(model, backend='eager')(X),
        lambda model: model(X.as_subclass(Own)),
        lambda model: model.to('meta')(X.to('meta')),
    ],
)
@pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')
def test_all_else_than_plain_values_gets_the_plain_forward(
    run: Callable[[Any], object],
) -> None:
    torch.compiler.reset()
    assert not count_of(run)


def test_values_get_the_fast_forms() -> None:
    count = count_of(lambda model: model(X))
    assert set(count) >= {'conv_block', 'attention_block', 'linear'}
    with_other_dtype = count_of(lambda model: model.double()(X.double()))
    assert not {'linear', 'pointwise', 'fused_mlp'} & set(+with_other_dtype)
    assert not {'linear', 'pointwise', 'fused_mlp'} & set(
        +count_of(without_onednn)
    )


def test_of_few_elements_rules_are_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(path, 'LEAST_ELEMENTS', X[0].numel() + 1)
    assert not count_of(lambda model: model(X))


def test_a_subclass_on_the_way_gets_the_plain_forward() -> None:
    def run(model: Any) -> None:
        block = model.blocks1[0]
        block.pos_embed.register_forward_hook(
            lambda _layer, _inputs, y: y.as_subclass(Own)
        )
        y = block(torch.rand(1, block.conv1.in_channels, 8, 8))
        assert type(y) is Own

    assert not count_of(run)


def test_plain_switches_off_and_on_again() -> None:
    assert fast.is_on()
    with fast.plain():
        assert not fast.is_on()
        assert not count_of(lambda model: model(X))
        with fast.plain(False):
            assert fast.is_on()
    assert fast.is_on()


@pytest.mark.parametrize(('value', 'on'), [('0', False), ('1', True)])
def test_the_environment_switches_off(value: str, on: bool) -> None:
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            'from uniformer_mm import fast; print(fast.is_on())',
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, path.SWITCH: value},
    )
    assert done.stdout.strip() == str(on)


def test_an_mlp_of_another_class_is_not_taken_for_ours() -> None:
    class Doubling(Mlp):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    model = build('image').eval()
    for block in (model.blocks1[0], model.blocks3[0]):
        block.mlp.__class__ = Doubling
    with fast.plain(), torch.no_grad():
        expected = model(X)
    with torch.no_grad():
        assert_close(model(X), expected)


class OwnAttention(Attention):
    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = super().heads(x)
        # A module is what a method of one's own gets, not a view.
        return q, k, -v * self.qkv.weight.isfinite().all()


class OwnBlock(AttentionBlock):
    def mix(self, x: Tensor) -> Tensor:
        return 2 * super().mix(x)

    def attend(self, x: Tensor) -> Tensor:
        return x


class OwnConvBlock(ConvBlock):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    ('path', 'own'),
    [
        ('blocks1.0', OwnConvBlock),
        ('blocks3.0', OwnBlock),
        ('blocks3.0.attn', OwnAttention),
    ],
)
def test_subclasses_may_call_super(path: str, own: type) -> None:
    model = build('image').eval()
    before = model(X)
    model.get_submodule(path).__class__ = own
    expected = model(X)
    assert not torch.allclose(expected[3], before[3])
    for guard in (torch.no_grad, torch.inference_mode):
        with guard():
            assert_close(model(X), expected)
            with fast.plain():
                assert_close(model(X), expected)


def test_a_plain_forward_is_six_files_and_hardly_a_question() -> None:
    files, share = cost('image', plain=True)
    assert len(files) <= 6
    assert share < 0.05


@every_kind
def test_leaf_layers_are_torch_s_own(kind: str) -> None:
    allowed = {
        nn.Linear,
        nn.Conv2d,
        nn.Conv3d,
        nn.BatchNorm2d,
        nn.BatchNorm3d,
        nn.LayerNorm,
        nn.GELU,
        nn.Dropout,
        nn.Identity,
    }
    for name, module in build(kind).named_modules():
        if not list(module.children()) and type(module) not in allowed:
            assert type(module).__name__ == 'DropPath', name


def test_a_form_for_another_device_is_one_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a GPU's kernel would be added: a function, and its registration."""
    monkeypatch.setattr(forms, 'FORMS', {**forms.FORMS})
    forms.FORMS['cpu', 'mlp'] = []
    ran = []

    @forms.fast_form(
        'mlp',
        grad=False,
        needs={'fc1': lambda m: type(m) is nn.Linear},
        device='cpu',
    )
    def kernel(mlp: Any, x: Tensor) -> Any:
        if x.shape[-1] != 8:
            return NotImplemented
        ran.append(x.shape)
        return mlp.fc2(mlp.act(mlp.fc1(x)))

    small, large = Mlp(8, 16, 0.0), Mlp(16, 32, 0.0)
    with torch.no_grad():
        for mlp in (small, large):
            x = torch.randn(3, mlp.fc1.in_features)
            expected = mlp.fc2(mlp.act(mlp.fc1(x)))
            torch.testing.assert_close(mlp(x), expected)
        assert ran == [(3, 8)]
        # What it needs is looked after for it.
        small.fc1.register_forward_hook(lambda *_: None)
        small(torch.randn(3, 8))
        with fast.plain():
            small(torch.randn(3, 8))
    small(torch.randn(3, 8))
    assert ran == [(3, 8)]


def test_a_forward_that_wraps_ours_is_not_taken_for_it() -> None:
    class Louder(Mlp):
        @functools.wraps(Mlp.forward)  # copies the attributes of a function
        def forward(self, x: Tensor) -> Any:
            return 2 * Mlp.forward(self, x)

    model = build('image').eval()
    for block in model.blocks1:
        block.mlp.__class__ = Louder
    with fast.plain():
        expected = model(X)
    with torch.no_grad():
        assert_close(model(X), expected)
