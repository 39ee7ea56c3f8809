"""What only ``UniFormer`` has: attention modes, head_dim, split attention."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.model import PretrainedInit

from tests.support.models import TINY, build, random_input
from uniformer_mm import UniFormer


@pytest.mark.parametrize('attention', ['global', 'window', 'hybrid'])
def test_set_attention_equals_building_it_so(attention: str) -> None:
    built = UniFormer(TINY, attention=attention, window_size=3).eval()
    changed = UniFormer(TINY, attention='window', window_size=2).eval()
    changed.load_state_dict(built.state_dict())
    x = random_input('image', 1, 112, 96)
    with torch.no_grad():
        before = changed(x)
        changed.set_attention(attention, 3)
        after, expected = changed(x), built(x)
    torch.testing.assert_close(after, expected, rtol=0, atol=0)
    assert not torch.equal(before[2], after[2])
    assert torch.equal(before[1], after[1])


def test_hybrid_keeps_every_fourth_block_global() -> None:
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
    x = random_input('image', 1, 64, 64)
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


def test_time_attention_starts_as_no_change() -> None:
    split, joint = build('split'), build('split', split=False)
    split.init_weights()
    for block in (*split.blocks3, *split.blocks4):
        assert not any(p.any() for p in block.t_attn.qkv.parameters())
        assert (block.t_attn.proj.weight == 1).all()
        assert not block.t_attn.proj.bias.any()
        assert block.attn.qkv.weight.any()
    # On one frame, attention over space and time is that over space.
    missing = joint.load_state_dict(split.state_dict(), strict=False)
    assert not missing.missing_keys
    x = random_input('split', 1, 64, 64, t=2)  # the stem makes one of two
    with torch.no_grad():
        torch.testing.assert_close(split.eval()(x), joint.eval()(x))


@pytest.mark.parametrize('kind', ['Pretrained', PretrainedInit])
@pytest.mark.parametrize('has_time', [True, False])
def test_loaded_time_attention_is_kept(
    tmp_path: Path, kind: object, has_time: bool
) -> None:
    trained = build('split')
    for parameter in trained.parameters():
        torch.nn.init.normal_(parameter)
    state = {
        key: value
        for key, value in trained.state_dict().items()
        if has_time or '.t_' not in key
    }
    torch.save(state, tmp_path / 'trained.pth')
    init_cfg = {'type': kind, 'checkpoint': str(tmp_path / 'trained.pth')}
    model = build('split', init_cfg=init_cfg)
    model.init_weights()
    for key, value in state.items():
        assert torch.equal(model.state_dict()[key], value), key
    starts_fresh = not model.blocks3[0].t_attn.qkv.weight.any()
    assert starts_fresh != has_time


def test_a_second_initialisation_changes_nothing() -> None:
    model = build('split')
    model.init_weights()
    torch.nn.init.normal_(model.blocks3[0].t_attn.qkv.weight)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model.init_weights()
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_the_window_size_is_kept() -> None:
    model = UniFormer(TINY, attention='window', window_size=7)
    model.set_attention('hybrid')
    assert model.window_size == 7
    assert [block.window_size for block in model.blocks3] == [7, 7, 7, None]


def test_drop_path_of_time_attention() -> None:
    """It drops what the tokens attend to over time, and nothing else."""
    block = build('split', drop_path_rate=0.9).blocks4[0]
    assert block.drop_path.drop_prob == pytest.approx(0.9)
    torch.manual_seed(0)
    x = torch.randn(2, 64, 3, 4, 5)
    torch.nn.init.normal_(block.t_attn.qkv.weight)
    block.drop_path.drop_prob = 1 - 1e-6  # all of it, all but surely
    kept = block.train().attend(x.movedim(1, -1))
    torch.testing.assert_close(kept, x.movedim(1, -1))
