"""What every backbone promises, of either class, for images and videos."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tests.support.models import (
    KINDS,
    assert_same_gradients,
    build,
    every_kind,
    random_input,
    random_loss,
)
from tests.support.small import small
from uniformer_mm import ARCHS, UniFormer, UniFormerLight
from uniformer_mm.models.attention import Attention

every_out_indices = pytest.mark.parametrize(
    'out_indices',
    [c for n in range(1, 5) for c in itertools.combinations(range(4), n)],
)


def sides(kind: str, side: int) -> list[int]:
    """Return the side of each stage: convs round up, patches down."""
    result = []
    for i, stride in enumerate((4, 2, 2, 2)):
        if kind == 'conv_stem' or (kind.startswith('light') and i == 0):
            side = -(-side // stride)
        else:
            side = side // stride
        result.append(side)
    return result


@every_kind
@every_out_indices
@pytest.mark.parametrize('size', [(1, 65, 97), (3, 40, 33)])
def test_outputs_are_as_declared(
    kind: str, out_indices: tuple[int, ...], size: tuple[int, int, int]
) -> None:
    model = build(kind, out_indices=out_indices)
    x = random_input(kind, *size, t=5)
    outs = model(x)
    assert len(outs) == len(out_indices)
    heights, widths = sides(kind, size[1]), sides(kind, size[2])
    frames = (3,) if x.ndim == 5 else ()
    for i, out, channels, stride in zip(
        out_indices, outs, model.out_channels, model.out_strides, strict=True
    ):
        expected = (size[0], channels, *frames, heights[i], widths[i])
        assert out.shape == expected
        # The declared stride, up to the rounding above.
        assert abs(size[1] / stride - heights[i]) < 1
        assert abs(size[2] / stride - widths[i]) < 1


@every_kind
@every_out_indices
def test_every_parameter_gets_a_gradient(
    kind: str, out_indices: tuple[int, ...]
) -> None:
    model = build(kind, out_indices=out_indices)
    # Two images: one would leave stage 4 a single value per channel.
    outs = model(random_input(kind, 2, 65, 97))
    sum((o * torch.rand_like(o)).sum() for o in outs).backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None]
    assert not missing


@every_kind
@pytest.mark.parametrize('drop_path_rate', [0.0, 0.5])
def test_checkpointing_changes_nothing(
    kind: str, drop_path_rate: float
) -> None:
    plain = build(kind, drop_path_rate=drop_path_rate)
    saving = build(kind, drop_path_rate=drop_path_rate, with_cp=True)
    x = random_input(kind, 4, 64, 96)
    outs = []
    for model in (plain, saving):
        torch.manual_seed(1)
        outs.append(model(x))
        # An input without gradient is what reentrant checkpointing fails on.
        random_loss(outs[-1]).backward()
    for a, b in zip(*outs, strict=True):
        torch.testing.assert_close(a, b)
    assert_same_gradients(saving, plain, 1e-6)
    torch.testing.assert_close(
        dict(plain.named_buffers()), dict(saving.named_buffers())
    )
    assert int(saving.blocks1[0].norm1.num_batches_tracked) == 1


@every_kind
def test_checkpointing_keeps_fewer_activations(kind: str) -> None:
    def saved_bytes(**arguments: object) -> int:
        model = build(kind, **arguments)
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: sizes.append(t.nbytes) or t, lambda t: t
        ):
            model(random_input(kind, 2, 64, 64))
        return sum(sizes)

    everything = saved_bytes()
    stage3 = saved_bytes(with_cp=[0, 0, 3, 0])
    assert saved_bytes(with_cp=True) < 0.5 * everything
    assert saved_bytes(with_cp=True) < stage3 < everything


OWN_PARTS = {1: ('pos_drop',), 3: ('cls_token',), 4: ('cls_upsample',)}


@every_kind
@pytest.mark.parametrize('frozen_stages', [-1, 0, 1, 2, 3, 4])
def test_frozen_stages_hold_after_train(kind: str, frozen_stages: int) -> None:
    model = build(kind, frozen_stages=frozen_stages, drop_rate=0.2).train()
    before = copy.deepcopy(model.state_dict())
    frozen = {
        part
        for i in range(1, frozen_stages + 1)
        for part in (
            f'patch_embed{i}',
            f'blocks{i}',
            f'norm{i}',
            *OWN_PARTS.get(i, ()),
        )
    }
    x = random_input(kind, 2, 64, 64)
    outs = model(x)
    for i, out in enumerate(outs):
        assert out.requires_grad == (i >= frozen_stages)
    assert torch.equal(outs[0], model(x)[0]) == (frozen_stages >= 1)
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != (name.split('.')[0] in frozen), name
    for name, value in model.state_dict().items():
        if name.split('.')[0] in frozen:
            assert torch.equal(value, before[name]), name
    model.eval().train()
    for name, child in model.named_children():
        assert child.training != (name in frozen), name


@every_kind
def test_norm_eval_keeps_statistics_and_trains_the_rest(kind: str) -> None:
    model = build(kind, norm_eval=True).train()
    model(random_input(kind, 2, 64, 64))
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    assert len(norms) >= 4
    assert all(int(n.num_batches_tracked) == 0 for n in norms)
    assert all(n.weight.requires_grad for n in norms)
    assert model.blocks1.training
    model.norm_eval = False
    model.train()
    assert all(n.training for n in norms)


@every_kind
def test_state_dict_round_trip(kind: str) -> None:
    model = build(kind).eval()
    torch.manual_seed(7)
    other = type(model)(**KINDS[kind][1]).eval()
    assert not torch.equal(
        model.blocks1[0].conv1.weight, other.blocks1[0].conv1.weight
    )
    other.load_state_dict(model.state_dict(), strict=True)
    x = random_input(kind, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(x), other(x), rtol=0, atol=0)


@every_kind
def test_output_norms(kind: str) -> None:
    raw = build(kind, out_norm=None).eval()
    assert not [name for name in raw.state_dict() if name.startswith('norm')]
    layer = build(kind).eval()
    layer.load_state_dict(raw.state_dict(), strict=False)
    batch = build(kind, out_norm='BN', out_indices=(3,)).eval()
    batch.load_state_dict(raw.state_dict(), strict=False)
    batch.norm.running_mean.fill_(0.5)
    x = random_input(kind, 1, 64, 64)
    with torch.no_grad():
        maps = raw(x)
        for i, (a, b) in enumerate(zip(maps, layer(x), strict=True)):
            norm = getattr(layer, f'norm{i + 1}')
            a = norm(a.movedim(1, -1)).movedim(-1, 1)
            torch.testing.assert_close(a, b)
        (last,) = batch(x)
        torch.testing.assert_close((maps[3] - 0.5) / (1 + 1e-5) ** 0.5, last)


@every_kind
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_is_finite_and_close(kind: str, dtype: torch.dtype) -> None:
    model = build(kind).eval()
    x = random_input(kind, 2, 80, 64)
    with torch.no_grad():
        expected = model(x)
        with torch.autocast('cpu', dtype=dtype):
            outs = model(x)
    for out, reference in zip(outs, expected, strict=True):
        assert out.isfinite().all()
        error = (out.float() - reference).norm() / reference.norm()
        assert error < 0.05


@every_kind
@pytest.mark.parametrize(
    ('change', 'error', 'message'),
    [
        (
            {'dtype': torch.float64},
            TypeError,
            'must be torch.float32.*float64',
        ),
        ({'dtype': torch.bfloat16}, TypeError, 'got torch.bfloat16; convert'),
        ({'device': 'meta'}, ValueError, 'must be on cpu.*got one on meta'),
    ],
    ids=['float64', 'bfloat16', 'meta'],
)
def test_an_input_of_another_dtype_or_device(
    kind: str, change: dict, error: type, message: str
) -> None:
    model = small(kind)
    x = random_input(kind, 1, 64, 64).to(**change)
    with pytest.raises(error, match=message):
        model(x)
    # Who hooks the first layer may convert there.
    model.patch_embed1.register_forward_pre_hook(
        lambda _, args: torch.zeros(args[0].shape)
    )
    if change != {'device': 'meta'}:
        model(x)


@every_kind
def test_dropout_rates_reach_their_places(kind: str) -> None:
    model = build(kind, drop_rate=0.1, attn_drop_rate=0.2, drop_path_rate=0.3)
    blocks = [b for i in range(1, 5) for b in getattr(model, f'blocks{i}')]
    rates = [block.drop_path.drop_prob for block in blocks]
    expected = torch.linspace(0, 0.3, len(blocks)).tolist()
    assert rates == pytest.approx(expected)
    dropouts = [m for m in model.modules() if isinstance(m, nn.Dropout)]
    attentions = [m for m in model.modules() if isinstance(m, Attention)]
    # The first embedding, each MLP, and each projection after an attention.
    assert len(dropouts) == 1 + len(blocks) + len(attentions)
    assert {d.p for d in dropouts} == {0.1}
    assert {a.attn_drop_rate for a in attentions} == {0.2}
    assert model.pos_drop.p == 0.1


@every_kind
def test_a_single_map_without_a_tuple(kind: str) -> None:
    model = build(kind, out_indices=(3,), as_tuple=False).eval()
    reference = build(kind, out_indices=(3,)).eval()
    x = random_input(kind, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(x), reference(x)[0])


@every_kind
def test_an_empty_batch(kind: str) -> None:
    model = build(kind).eval()
    with torch.no_grad():
        outs = model(random_input(kind, 0, 64, 64))
    assert [o.shape[:2] for o in outs] == [(0, c) for c in (8, 16, 32, 64)]


@every_kind
def test_shapes_without_values(kind: str) -> None:
    with torch.device('meta'):
        model = build(kind)
    outs = model(
        torch.empty(random_input(kind, 2, 64, 96).shape, device='meta')
    )
    assert [o.shape[1] for o in outs] == [8, 16, 32, 64]


@every_kind
def test_the_spec_is_what_was_built(kind: str) -> None:
    model = build(kind, head_dim=8, layer_scale=[0, 0.1, 0, 0.2])
    assert model.spec.head_dim == model.blocks3[0].attn.head_dim == 8
    assert model.spec.layer_scale == (0, 0.1, 0, 0.2)
    assert model.spec.params is None
    assert torch.equal(model.blocks4[0].gamma_1, torch.full((64,), 0.2))
    assert model.blocks3[0].gamma_1 is None


@every_kind
def test_the_input_is_left_as_it_was(kind: str) -> None:
    model = build(kind).eval()
    x = random_input(kind, 1, 64, 64)
    copied = x.clone()
    with torch.no_grad():
        model(x)
    assert torch.equal(x, copied)


@pytest.mark.parametrize('arch', sorted(ARCHS))
def test_initialisation_is_the_papers(arch: str) -> None:
    torch.manual_seed(0)
    model = (UniFormerLight if ARCHS[arch].light else UniFormer)(arch)
    model.init_weights()
    for module in model.modules():
        if isinstance(module, nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.02)
            assert module.weight.abs().max() <= 0.1
            assert not module.bias.any()
        elif isinstance(module, nn.LayerNorm):
            assert (module.weight == 1).all()
            assert not module.bias.any()
    gains = {n: p for n, p in model.named_parameters() if 'gamma' in n}
    scaled = [i for i, g in enumerate(ARCHS[arch].layer_scale) if g]
    assert {int(name[6]) - 1 for name in gains} == set(scaled)
    assert all((p == 1e-6).all() for p in gains.values())


def test_init_cfg_is_used() -> None:
    init_cfg = {'type': 'Constant', 'layer': 'Linear', 'val': 0.5}
    model = build('image', init_cfg=init_cfg)
    model.init_weights()
    assert (model.blocks4[0].attn.qkv.weight == 0.5).all()


@pytest.mark.parametrize(
    ('kind', 'name', 'depth'),
    [
        ('image', 'patch_embed1.proj.weight', 0),
        ('image', 'blocks1.0.norm1.bias', 1),
        ('image', 'patch_embed2.norm.weight', 2),
        ('image', 'blocks2.0.conv1.weight', 2),
        ('image', 'blocks3.0.attn.qkv.weight', 3),
        ('image', 'blocks3.3.attn.qkv.weight', 6),
        ('image', 'patch_embed4.proj.bias', 7),
        ('image', 'blocks4.0.mlp.fc1.weight', 7),
        ('image', 'norm1.weight', 8),
        ('image', 'norm4.weight', 8),
        ('light', 'cls_token', 3),
        ('light', 'cls_upsample.weight', 6),
        ('light', 'blocks4.1.norm1.weight', 7),
    ],
)
def test_layer_depth(kind: str, name: str, depth: int) -> None:
    model = build(kind)
    assert name in model.state_dict()
    num_depths = sum(model.spec.depths) + 2
    assert model.get_layer_depth(name) == (depth, num_depths)
    assert model.get_layer_depth(f'backbone.{name}', 'backbone.') == (
        depth,
        num_depths,
    )
    last = (num_depths - 1, num_depths)
    assert model.get_layer_depth('neck.conv.weight', 'backbone.') == last
