"""What can't be folded exactly is refused, and nothing has been changed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.support.deploy_edits import FIT, UNFIT, is_refused
from tests.support.deployed import TOLERANCE, assert_same, outputs
from tests.support.edits import HOOKS, Edit, edited, one_edit
from tests.support.models import every_kind, random_input
from tests.support.small import few_tokens, relative_error, small
from uniformer_mm import deploy
from uniformer_mm.models.blocks import Block, ConvBlock
from uniformer_mm.models.layers import Mlp


def places(model: nn.Module, edit: Edit) -> Iterator[str]:
    """Those of one block of each class and of two stems."""
    for name in edit.places(model):
        if not name.startswith(('blocks2', 'blocks4.', 'patch_embed3')):
            yield name


def fingerprint(model: nn.Module) -> dict[str, Any]:
    """All that deploying may change, and what it holds now."""
    facts: dict[str, Any] = {}
    for name, module in model.named_modules():
        state = dict(vars(module))
        held = {k: dict(v) for k, v in state.items() if isinstance(v, dict)}
        facts[name] = (type(module), module, {**state, **held})
    return facts


def refusal(model: Any) -> str:
    """What deploying ``model`` is refused with; it is left as it was."""
    facts = fingerprint(model)
    values = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(ValueError, match=r'; then deploy$') as caught:
        deploy(model)
    assert fingerprint(model) == facts
    torch.testing.assert_close(model.state_dict(), values, rtol=0, atol=0)
    return str(caught.value)


def assert_kept(model: Any, x: Tensor) -> None:
    """Deploy; the outputs stay."""
    expected = outputs(model, x)
    assert deploy(model).deployed
    assert_same(outputs(model, x), expected)


@every_kind
@pytest.mark.parametrize('edit', [*UNFIT, *FIT], ids=lambda e: e.name)
def test_a_changed_model_keeps_its_outputs_or_is_refused(
    kind: str, edit: Edit
) -> None:
    base, x = small(kind), few_tokens(kind)
    expected = outputs(base, x)
    kept = []
    for place in places(base, edit):
        if not is_refused(edit, base, place):
            kept.append((edit, place))
            continue
        with one_edit(base, edit, place) as model:
            assert f'\n  {place}' in refusal(model.eval())
    for got, before in zip(outputs(base, x), expected, strict=True):
        assert torch.equal(got, before)
    assert_kept(edited(base, *kept).eval(), x)


def record(seen: dict[str, Any], name: str) -> Callable[..., None]:
    def hook(_module: nn.Module, *values: Any) -> None:
        seen[name] = values

    return hook


@every_kind
def test_hooks_on_what_is_left_see_what_they_saw(kind: str) -> None:
    model, seen = small(kind), {}
    for name, module in model.named_modules():
        if name and not is_refused(HOOKS[0], model, name):
            module.register_forward_hook(record(seen, name))
    outputs(model, kind)
    before = dict(seen)
    seen.clear()
    deploy(model)
    outputs(model, kind)
    assert seen.keys() == before.keys()
    for name, values in seen.items():
        assert relative_error(values, before[name]) <= TOLERANCE, name


def one_convolution(model: Any) -> None:
    model.blocks1[0].conv2 = model.blocks1[0].conv1


def one_embedding(model: Any) -> None:
    model.blocks3[1].pos_embed = model.blocks3[0].pos_embed


def one_attention(model: Any) -> None:
    model.blocks3[1].attn = model.blocks3[0].attn


def one_projection(model: Any) -> None:
    model.blocks3[0].t_attn.proj = model.blocks3[0].attn.proj


def projection_over_columns(model: Any) -> None:
    model.blocks1[0].conv1 = nn.Linear(8, 8).eval()


def gain_of_rows(model: Any) -> None:
    model.blocks1[0].gamma_1 = nn.Parameter(torch.rand(1, 1, 8, 1))


def computed_weight(model: Any) -> None:
    layer = model.blocks1[0].conv1
    weight = layer.weight.detach()
    del layer.weight
    layer.weight = weight


def patched_update(model: Any) -> None:
    block = model.blocks3[1]
    block._scale_update = lambda x, _gain: 2 * x


@pytest.mark.parametrize(
    ('kind', 'change', 'place'),
    [
        ('image', one_convolution, 'blocks1.0.conv1 is used in more'),
        ('video', one_embedding, 'blocks3.1.pos_embed is used in more'),
        ('layer_scale', one_attention, 'blocks3.0.attn.proj is used in more'),
        ('split', one_projection, 'blocks3.0.attn.proj is used in more'),
        ('image', projection_over_columns, 'blocks1.0.conv1 is a Linear'),
        ('layer_scale', gain_of_rows, 'blocks1.0.gamma_1 is no parameter'),
        ('image', computed_weight, 'blocks1.0.conv1 has a weight or bias'),
        ('light', patched_update, 'blocks3.1 is a ShrinkBlock with a'),
    ],
)
def test_what_would_fold_into_other_places_is_refused(
    kind: str, change: Callable[[Any], None], place: str
) -> None:
    model = small(kind, layer_scale=0.5) if kind == 'split' else small(kind)
    change(model)
    # Images of 32 x 32 have 8 rows and columns in stage 1, and 8 channels.
    x = random_input(kind, 1, 32, 32)
    expected = outputs(model, x)
    assert f'\n  {place}' in refusal(model)
    assert relative_error(outputs(model, x), expected) == 0


def one_block(model: Any) -> None:
    model.blocks3[1] = model.blocks3[0]


def one_norm(model: Any) -> None:
    model.blocks1[0].norm2 = model.blocks1[0].norm1


def one_weight(model: Any) -> None:
    model.blocks1[0].conv2.weight = model.blocks1[0].conv1.weight


def one_gain(model: Any) -> None:
    model.blocks3[0].gamma_2 = model.blocks3[0].gamma_1


def one_dropout(model: Any) -> None:
    model.blocks3[0].mlp.drop = model.blocks3[0].attn.proj_drop


@pytest.mark.parametrize(
    'change', [one_block, one_norm, one_weight, one_gain, one_dropout]
)
@pytest.mark.parametrize('kind', ['image', 'layer_scale', 'split'])
def test_what_is_shared_and_still_folds(
    kind: str, change: Callable[[Any], None]
) -> None:
    model = small(kind)
    change(model)
    assert_kept(model, kind)


EXTRA = (
    nn.Identity(),
    nn.ReLU(),
    nn.Dropout2d(),
    nn.BatchNorm2d(4, affine=False),
    nn.BatchNorm2d(8, affine=False),
    nn.Conv2d(4, 4, 3, padding=1),
    nn.Conv2d(8, 8, 1),
)


@pytest.mark.parametrize('extra', EXTRA, ids=str)
def test_stems_with_one_more_layer_keep_their_outputs_or_are_refused(
    extra: nn.Module,
) -> None:
    x = few_tokens('conv_stem')
    for place in range(6):
        model = small('conv_stem')
        stem = model.patch_embed1.proj
        stem.insert(place, copy.deepcopy(extra).eval())
        try:
            expected = outputs(model, x)
        except RuntimeError:  # of other channels
            continue
        with suppress(ValueError):
            deploy(model)
        tolerance = TOLERANCE if model.deployed else 0
        error = relative_error(outputs(model, x), expected)
        assert error <= tolerance, place


@every_kind
def test_what_mmcv_fuses_is_deployed(kind: str) -> None:
    fuse_conv_bn = pytest.importorskip('mmcv.cnn').fuse_conv_bn
    assert_kept(fuse_conv_bn(small(kind)), kind)


@pytest.mark.parametrize(
    ('owner', 'name', 'place'),
    [
        (ConvBlock, 'mix', 'blocks1.0 is a ConvBlock with a forward of its'),
        (Block, 'forward', 'blocks3.1 is a AttentionBlock with a forward'),
        (Mlp, 'forward', 'blocks1.0.mlp has hooks'),
        (nn.Conv2d, 'forward', 'torch.nn.Conv2d.forward has been replaced'),
        (nn.BatchNorm2d, 'forward', 'torch.nn.BatchNorm2d.forward has been'),
        (nn.BatchNorm2d, '__call__', 'blocks1.0.norm1 has hooks'),
        (F, 'gelu', 'torch.nn.functional.gelu has been replaced'),
        (F, 'batch_norm', 'torch.nn.functional.batch_norm has been replaced'),
    ],
)
def test_what_is_replaced_for_all_is_refused(
    owner: Any, name: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(owner, name)

    def louder(*args: Any, **kwargs: Any) -> Any:
        return 1.5 * original(*args, **kwargs)

    monkeypatch.setattr(owner, name, louder)
    model, x = small('image'), few_tokens('image')
    expected = outputs(model, x)
    assert f'\n  {place}' in refusal(model)
    assert relative_error(outputs(model, x), expected) == 0
