from __future__ import annotations

from typing import Any

import pytest
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODEL_WRAPPERS, DefaultScope
from torch import nn

from uniformer_mm import UniFormer, UniFormerLight

TINY = {'depths': (1, 1, 1, 1), 'embed_dims': (4, 4, 8, 8), 'head_dim': 8}


class Model(BaseModel):
    """A backbone with a small head."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Sequential(nn.Linear(8, 2), nn.BatchNorm1d(2))

    def forward(self, inputs: Any, mode: str = 'tensor') -> Any:
        return self.head(self.backbone(inputs)[-1].mean((2, 3)))


def groups(
    model: nn.Module, host: str | None = None, **options: Any
) -> dict[str, tuple[float, float]]:
    """Return name -> (learning rate, weight decay)."""
    config = {
        'type': 'OptimWrapper',
        'optimizer': {'type': 'AdamW', 'lr': 1.0, 'weight_decay': 0.1},
        'constructor': 'uniformer_mm.LayerDecayOptimWrapperConstructor',
        'paramwise_cfg': options,
    }
    with DefaultScope.overwrite_default_scope(host):
        wrapper = build_optim_wrapper(model, config)
    names = {id(p): name for name, p in model.named_parameters()}
    return {
        names[id(p)]: (group['lr'], group['weight_decay'])
        for group in wrapper.optimizer.param_groups
        for p in group['params']
    }


def test_every_parameter_with_its_rate_and_decay() -> None:
    model = Model(UniFormer(TINY, layer_scale=(0.1, 0, 0.1, 0)))
    found = groups(model, layer_decay_rate=0.5, decay_groups='not_vectors')
    conv_block = [
        'pos_embed.weight',
        'conv1.weight',
        'conv2.weight',
        'attn.weight',
        'mlp.fc1.weight',
        'mlp.fc2.weight',
    ]
    attention_block = [
        'pos_embed.weight',
        'attn.qkv.weight',
        'attn.proj.weight',
        'mlp.fc1.weight',
        'mlp.fc2.weight',
    ]
    # Depths: embedding 1 is 0, the blocks 1 to 4, norms and head 5.
    rates = {
        'backbone.patch_embed1': 0.5**5,
        'backbone.blocks1': 0.5**4,
        'backbone.patch_embed2': 0.5**3,
        'backbone.blocks2': 0.5**3,
        'backbone.patch_embed3': 0.5**2,
        'backbone.blocks3': 0.5**2,
        'backbone.patch_embed4': 0.5,
        'backbone.blocks4': 0.5,
        'backbone.norm1': 1.0,
        'backbone.norm2': 1.0,
        'backbone.norm3': 1.0,
        'backbone.norm4': 1.0,
        'head.0': 1.0,
        'head.1': 1.0,
    }
    decayed = {
        *(f'backbone.patch_embed{i}.proj.weight' for i in range(1, 5)),
        *(f'backbone.blocks{i}.0.{n}' for i in (1, 2) for n in conv_block),
        *(
            f'backbone.blocks{i}.0.{n}'
            for i in (3, 4)
            for n in attention_block
        ),
        # The gains of conv blocks are (1, C, 1, 1), those of stage 3 vectors.
        'backbone.blocks1.0.gamma_1',
        'backbone.blocks1.0.gamma_2',
        'head.0.weight',
    }
    expected = {}
    for name, _ in model.named_parameters():
        rate = next(r for key, r in rates.items() if name.startswith(key))
        expected[name] = (rate, 0.1 if name in decayed else 0.0)
    assert len(expected) == 92
    assert decayed <= set(expected)
    assert found == expected


def test_decay_by_name_is_the_detection_recipe() -> None:
    model = Model(UniFormer(TINY))
    found = groups(model, decay_groups='not_names_with_norm')
    assert {rate for rate, _ in found.values()} == {1.0}
    for name, (_, decay) in found.items():
        assert decay == (0.0 if 'norm' in name else 0.1), name
    # What the rule misses: biases, and batch norms that are called otherwise.
    assert found['backbone.blocks3.0.attn.qkv.bias'][1] == 0.1
    assert found['head.1.weight'][1] == 0.1
    assert found['backbone.patch_embed1.norm.weight'][1] == 0.0


def test_everything_is_decayed_by_default() -> None:
    found = groups(Model(UniFormer(TINY)))
    assert set(found.values()) == {(1.0, 0.1)}


def test_own_options_win() -> None:
    model = Model(UniFormer(TINY))
    found = groups(
        model,
        decay_groups='not_vectors',
        bias_decay_mult=1.0,
        custom_keys={'head': {'lr_mult': 10.0}},
    )
    assert found['backbone.blocks3.0.attn.qkv.bias'] == (1.0, 0.1)
    assert found['backbone.blocks3.0.norm1.weight'] == (1.0, 0.0)
    assert found['head.0.bias'] == (10.0, 0.1)
    found = groups(
        model,
        decay_groups='not_names_with_norm',
        custom_keys={'head': {'lr_mult': 10.0}},
    )
    assert found['backbone.norm1.weight'] == (1.0, 0.0)
    assert found['head.0.bias'] == (10.0, 0.1)


def test_light_tokens_have_depths() -> None:
    model = Model(UniFormerLight(TINY))
    found = groups(model, layer_decay_rate=0.5)
    assert found['backbone.cls_token'] == (0.25, 0.1)
    assert found['backbone.cls_upsample.weight'] == (0.5, 0.1)
    video = groups(model, decay_groups='not_vectors')
    image = groups(model, decay_groups='not_vectors_nor_cls_token')
    assert video['backbone.cls_token'] == (1.0, 0.1)
    assert image['backbone.cls_token'] == (1.0, 0.0)
    del video['backbone.cls_token'], image['backbone.cls_token']
    assert video == image
    vectors = {n for n, p in model.named_parameters() if p.ndim == 1}
    assert {n for n, (_, decay) in image.items() if decay == 0} == vectors
    assert found['backbone.patch_embed1.proj.weight'] == (0.5**5, 0.1)


def test_frozen_stages_are_left_out() -> None:
    found = groups(Model(UniFormer(TINY, frozen_stages=2)))
    assert not [n for n in found if n.startswith('backbone.blocks1')]
    assert 'backbone.blocks3.0.norm1.weight' in found


@pytest.mark.parametrize('host', ['mmdet', 'mmseg', 'mmpose', 'mmaction'])
def test_it_works_in_every_host(host: str) -> None:
    pytest.importorskip(f'{host}.models')
    model = Model(UniFormer(TINY))
    found = groups(model, host, layer_decay_rate=0.5)
    assert found['backbone.blocks4.0.attn.qkv.weight'] == (0.5, 0.1)
    assert found['head.0.weight'] == (1.0, 0.1)


def test_a_wrapped_model() -> None:
    class Wrapper(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

    # Known to MMEngine as a wrapper, without a process group.
    MODEL_WRAPPERS.register_module(module=Wrapper, name='TestWrapper')
    try:
        model = Wrapper(Model(UniFormer(TINY)))
        found = groups(model, layer_decay_rate=0.5)
    finally:
        MODEL_WRAPPERS.module_dict.pop('TestWrapper')
    assert found['module.head.0.weight'] == (1.0, 0.1)
    assert found['module.backbone.blocks4.0.attn.qkv.weight'] == (0.5, 0.1)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'layer_decay_rate': 0}, r'layer_decay_rate must lie in \(0, 1\]'),
        ({'layer_decay_rate': 1.5}, 'got 1.5'),
        ({'layer_decay': 0.9}, r"unknown options \['layer_decay'\] in param"),
        ({'decay_groups': ['some']}, 'unknown decay_groups'),
        ({'decay_groups': 'some'}, "unknown decay_groups 'some'; choose one"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        groups(Model(UniFormer(TINY)), **options)


def test_a_backbone_without_depths() -> None:
    with pytest.raises(TypeError, match='get_layer_depth, got Linear'):
        groups(Model(nn.Linear(1, 1)), layer_decay_rate=0.9)
    # Where no rate falls, any backbone will do.
    found = groups(Model(nn.Linear(1, 1)), decay_groups='not_vectors')
    assert found['backbone.weight'] == (1.0, 0.1)
    assert found['backbone.bias'] == (1.0, 0.0)


def test_options_of_the_caller_are_left_alone() -> None:
    options = {'layer_decay_rate': 0.5, 'decay_groups': 'everything'}
    groups(Model(UniFormer(TINY)), **options)
    assert options == {'layer_decay_rate': 0.5, 'decay_groups': 'everything'}
