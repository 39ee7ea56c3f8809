from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import nn

from uniformer_mm import ARCHS, UniFormer

# Small enough to try every combination; same code paths as 'small'.
TINY = {'depths': (1, 1, 4, 1), 'embed_dims': (8, 16, 32, 64), 'head_dim': 16}

every_out_indices = pytest.mark.parametrize(
    'out_indices',
    [c for n in range(1, 5) for c in itertools.combinations(range(4), n)],
)


@every_out_indices
@pytest.mark.parametrize('shape', [(1, 3, 65, 97), (3, 3, 40, 33)])
def test_outputs_are_as_declared(
    out_indices: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    model = UniFormer(TINY, out_indices=out_indices, attention='hybrid')
    outs = model(torch.rand(shape))
    assert len(outs) == len(out_indices)
    for out, channels, stride in zip(
        outs, model.out_channels, model.out_strides, strict=True
    ):
        assert out.shape == (
            shape[0],
            channels,
            shape[2] // stride,
            shape[3] // stride,
        )


@every_out_indices
@pytest.mark.parametrize('with_cp', [False, True])
def test_every_parameter_gets_a_gradient(
    out_indices: tuple[int, ...], with_cp: bool
) -> None:
    model = UniFormer(TINY, out_indices=out_indices, with_cp=with_cp)
    # Batch 1 would leave one value per channel in stage 4: use two images.
    sum(
        (o * torch.rand_like(o)).sum() for o in model(torch.rand(2, 3, 65, 97))
    ).backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None]
    assert not missing


@pytest.mark.parametrize('arch', sorted(ARCHS))
def test_initialisation_is_the_papers(arch: str) -> None:
    torch.manual_seed(0)
    model = UniFormer(arch)
    model.init_weights()
    for module in model.modules():
        if isinstance(module, nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.02)
            assert module.weight.abs().max() <= 0.1
            assert not module.bias.any()
        elif isinstance(module, nn.LayerNorm):
            assert (module.weight == 1).all()
            assert not module.bias.any()


def test_init_cfg_is_used() -> None:
    model = UniFormer(
        TINY, init_cfg={'type': 'Constant', 'layer': 'Linear', 'val': 0.5}
    )
    model.init_weights()
    assert (model.blocks4[0].attn.qkv.weight == 0.5).all()


def test_frozen_stages_hold_after_train() -> None:
    model = UniFormer(TINY, frozen_stages=2).train()
    before = copy.deepcopy(model.state_dict())
    outs = model(torch.rand(2, 3, 64, 64))
    sum(o.sum() for o in outs).backward()
    frozen = (
        'patch_embed1.',
        'patch_embed2.',
        'blocks1.',
        'blocks2.',
        'norm1.',
        'norm2.',
    )
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != name.startswith(frozen)
    for name, value in model.state_dict().items():
        if name.startswith(frozen):
            assert torch.equal(value, before[name]), name
    assert not model.blocks2[0].norm1.training
    assert model.blocks3.training


def test_norm_eval_keeps_statistics_and_trains_the_rest() -> None:
    model = UniFormer(TINY, norm_eval=True).train()
    model(torch.rand(2, 3, 64, 64))
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 4
    assert all(int(n.num_batches_tracked) == 0 for n in norms)
    assert all(n.weight.requires_grad for n in norms)
    assert model.blocks1.training
    model.norm_eval = False
    assert all(n.training for n in norms) is False
    model.train()
    assert all(n.training for n in norms)


@pytest.mark.parametrize('drop_path_rate', [0.0, 0.5])
def test_checkpointing_changes_nothing(drop_path_rate: float) -> None:
    plain = UniFormer(TINY, drop_path_rate=drop_path_rate)
    saving = UniFormer(TINY, drop_path_rate=drop_path_rate, with_cp=True)
    saving.load_state_dict(plain.state_dict())
    x = torch.rand(4, 3, 64, 96)
    for model in (plain, saving):
        torch.manual_seed(1)
        # An input without gradient is what reentrant checkpointing fails on.
        sum(o.square().sum() for o in model(x)).backward()
    for (name, a), b in zip(
        plain.named_parameters(), saving.parameters(), strict=True
    ):
        torch.testing.assert_close(a.grad, b.grad, msg=name)
    for (name, a), b in zip(
        plain.named_buffers(), saving.buffers(), strict=True
    ):
        torch.testing.assert_close(a, b, msg=name)
    assert int(saving.blocks1[0].norm1.num_batches_tracked) == 1


def test_checkpointing_keeps_fewer_activations() -> None:
    def saved_bytes(**arguments: object) -> int:
        model = UniFormer(TINY, **arguments)
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: sizes.append(t.nbytes) or t, lambda t: t
        ):
            model(torch.rand(2, 3, 64, 64))
        return sum(sizes)

    everything = saved_bytes()
    assert saved_bytes(with_cp=[0, 0, 4, 0]) < 0.7 * everything
    assert saved_bytes(with_cp=True) < 0.25 * everything


@pytest.mark.parametrize('attention', ['global', 'window', 'hybrid'])
def test_set_attention_equals_building_it_so(attention: str) -> None:
    built = UniFormer(TINY, attention=attention, window_size=3).eval()
    changed = UniFormer(TINY, attention='window', window_size=2).eval()
    changed.load_state_dict(built.state_dict())
    x = torch.rand(1, 3, 112, 96)
    with torch.no_grad():
        before = changed(x)
        changed.set_attention(attention, 3)
        after, expected = changed(x), built(x)
    for a, b in zip(after, expected, strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(before[2], after[2])
    assert torch.equal(before[1], after[1])


def test_attention_modes_differ_and_hybrid_keeps_every_fourth_global() -> None:
    model = UniFormer('small', attention='hybrid')
    sizes = [block.window_size for block in model.blocks3]
    assert sizes == [14, 14, 14, None, 14, 14, 14, None]
    assert [block.window_size for block in model.blocks4] == [None] * 3
    model.set_attention('window', 7)
    assert {block.window_size for block in model.blocks3} == {7}
    with pytest.raises(ValueError, match="unknown attention 'local'"):
        model.set_attention('local')
    assert model.attention == 'window'  # a refused call changes nothing


def test_head_dim_changes_outputs_and_no_shape() -> None:
    wide = UniFormer(TINY).eval()
    narrow = UniFormer(TINY, head_dim=8).eval()
    narrow.load_state_dict(wide.state_dict())
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert not torch.allclose(wide(x)[3], narrow(x)[3], atol=1e-5)


def test_later_stages_are_not_built() -> None:
    model = UniFormer(TINY, out_indices=(1,))
    names = {name.split('.')[0] for name in model.state_dict()}
    assert names == {
        'patch_embed1',
        'blocks1',
        'patch_embed2',
        'blocks2',
        'norm2',
    }


def test_the_input_is_left_as_it_was() -> None:
    model = UniFormer(TINY).eval()
    x = torch.rand(1, 3, 64, 64)
    copied = x.clone()
    with torch.no_grad():
        first = model(x)
        second = model(x.contiguous(memory_format=torch.channels_last))
    assert torch.equal(x, copied)
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_is_finite_and_close(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = UniFormer(TINY, attention='hybrid', window_size=3).eval()
    x = torch.rand(2, 3, 80, 64)
    with torch.no_grad():
        expected = model(x)
        with torch.autocast('cpu', dtype=dtype):
            outs = model(x)
    for out, reference in zip(outs, expected, strict=True):
        assert out.isfinite().all()
        torch.testing.assert_close(out.float(), reference, atol=0.1, rtol=0.05)


def test_compiles_as_one_graph() -> None:
    model = UniFormer(TINY, attention='hybrid', window_size=3).eval()
    x = torch.rand(1, 3, 80, 64)
    compiled = torch.compile(model, fullgraph=True, backend='aot_eager')
    with torch.no_grad():
        for a, b in zip(compiled(x), model(x), strict=True):
            torch.testing.assert_close(a, b)
