"""Weights as training tools leave them: wrapped, averaged, renamed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.optim.swa_utils import AveragedModel

from tests.support.models import build
from uniformer_mm.weights.files import read_weights
from uniformer_mm.weights.load import load_backbone

MODEL = build('image')
RAW = MODEL.state_dict()
AVERAGE = {k: v + 1 if v.is_floating_point() else v for k, v in RAW.items()}


def renamed(pattern: str, new: str, **extra: Any) -> dict[str, Any]:
    return {re.sub(pattern, new, k): v for k, v in RAW.items()} | extra


def averaged(wrapper: Callable[[nn.Module], nn.Module]) -> nn.Module:
    model = wrapper(MODEL)
    model.module.load_state_dict(AVERAGE)
    return model


def of_mmengine() -> dict[str, Any]:
    """A checkpoint as MMEngine's hook changes it before it is saved."""
    hook = EMAHook()
    hook.ema_model = averaged(ExponentialMovingAverage)
    checkpoint = {'state_dict': dict(RAW), 'meta': {}}
    hook.before_save_checkpoint(None, checkpoint)
    return checkpoint


def counters(change: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    return {k: change(v) if 'num_batches' in k else v for k, v in RAW.items()}


OLD_HOOK = {'state_dict': renamed('^', 'backbone.')}
OLD_HOOK['state_dict'] |= {
    f'ema_backbone_{key.replace(".", "_")}': AVERAGE[key]
    for key, _ in MODEL.named_parameters()
}
COUNTED = {
    f'{name}.{count}'.lstrip('.'): torch.zeros(1, dtype=torch.float64)
    for name, _ in MODEL.named_modules()
    for count in ('total_ops', 'total_params')
}
INSIDE = r'(blocks[34]\.\d)'
EMA = {'model': RAW, 'model_ema': averaged(AveragedModel).state_dict()}


@pytest.mark.parametrize(
    ('content', 'ema', 'expected', 'note'),
    [
        (renamed('^', 'module.'), None, RAW, None),
        (renamed('^', '_orig_mod.module.'), None, RAW, None),
        ({'model': renamed(INSIDE, r'\1._orig_mod')}, None, RAW, None),
        (renamed(INSIDE, r'\1.module'), None, RAW, None),
        (renamed(INSIDE, r'\1._checkpoint_wrapped_module'), None, RAW, None),
        (
            renamed(
                INSIDE,
                r'_fsdp_wrapped_module.\1._checkpoint_wrapped_module',
            ),
            False,
            RAW,
            None,
        ),
        (
            {'state_dict': renamed('^', 'model.backbone.')},
            None,
            RAW,
            "without 'model.' before",
        ),
        (renamed('^', 'encoder.q.'), None, RAW, "without 'encoder.q.' before"),
        (counters(Tensor.float), None, RAW, None),
        (counters(lambda v: v.reshape(1)), None, RAW, None),
        (counters(lambda v: v.reshape(1).half()), None, RAW, None),
        (
            averaged(AveragedModel).state_dict(),
            None,
            AVERAGE,
            'averaged, without n_averaged',
        ),
        (averaged(AveragedModel).state_dict(), True, AVERAGE, 'averaged, w'),
        (averaged(ExponentialMovingAverage).state_dict(), None, AVERAGE, 'av'),
        (
            RAW | {'n_averaged': torch.tensor(3)},
            None,
            RAW,
            'averaged, without n_averaged',
        ),
        (RAW | {'steps': torch.tensor(3)}, None, RAW, 'averaged, without ste'),
        (
            {'model': RAW | COUNTED},
            None,
            RAW,
            r'without \d+ counters of thop',
        ),
        (EMA, None, RAW, None),
        (EMA, True, AVERAGE, 'averaged, without n_averaged'),
        (of_mmengine(), None, AVERAGE, "averaged, as MMEngine's EMAHook"),
        (of_mmengine(), True, AVERAGE, "averaged, as MMEngine's EMAHook"),
        (of_mmengine(), False, RAW, "raw, as MMEngine's EMAHook"),
        (OLD_HOOK, None, RAW, r'without \d+ keys of an EMA hook, ema_backbo'),
        (
            {'state_dict': RAW, 'ema_state_dict': AVERAGE},
            True,
            AVERAGE,
            'averaged$',
        ),
    ],
)
def test_what_wrappers_leave_is_taken_off(
    save: Callable[..., Path],
    content: dict[str, Any],
    ema: bool | None,
    expected: dict[str, Tensor],
    note: str | None,
) -> None:
    path = save(content)
    backbone = build('image')
    load_backbone(backbone, path, head_dim=16, ema=ema)
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, expected[key]), key
    notes = ', '.join(read_weights(path, ema=ema).notes)
    assert re.match(note, notes) if note else notes == ''


@pytest.mark.parametrize(
    ('content', 'ema', 'message'),
    [
        ({'net': RAW, 'epoch': 3}, None, r"may be in \['net'\]: torch"),
        ({'module': RAW, 'optimizer': None}, None, r"in \['module'\]: torch"),
        ({'model_state_dict': RAW}, None, r"in \['model_state_dict'\]: tor"),
        (
            {'params': RAW, 'params_ema': AVERAGE},
            None,
            r"in \['params'\], \['params_ema'\]: torch",
        ),
        (
            {'student': RAW, 'teacher': AVERAGE, 'optimizer': {'state': {}}},
            None,
            r"in \['student'\], \['teacher'\]: torch",
        ),
        (
            {'model': {'state_dict': RAW, 'epoch': 1}},
            None,
            r"in \['state_dict'\]: torch.*\['model'\]\['state_dict'\]",
        ),
        (
            {'checkpoint': {'net': RAW}, 'rng': {'cpu': torch.tensor(1)}},
            None,
            r"in \['checkpoint'\]\['net'\]: torch",
        ),
        (
            renamed('^', 'student.') | renamed('^', 'teacher.backbone.'),
            None,
            r"begin with 'student\.' \(or with teacher\.backbone\.\), which",
        ),
        (
            RAW | renamed('^', 'ema_model.'),
            None,
            r"more than one backbone in it; keys begin with 'ema_model\.'",
        ),
        (
            renamed('^', 'backbone.') | renamed('^', 'teacher.'),
            None,
            r"more than one backbone in it; keys begin with 'teacher\.'",
        ),
        (
            renamed('^', 'model.', criterion=torch.ones(2)),
            None,
            r"begin with 'model\.', which must be stripped: torch",
        ),
        (
            renamed('^', 'module.') | {'blocks1.0.pos_embed.bias': EMA},
            None,
            'expected tensors only, got blocks1.0.pos_embed.bias',
        ),
        (
            RAW | renamed(INSIDE, r'\1.module'),
            None,
            r"both 'blocks3\.0\.\S+' and 'blocks3\.0\.module\.\S+', which are",
        ),
        (
            {'_fsdp_wrapped_module._flat_param': torch.ones(9)},
            None,
            'sharded as FSDP trains it; save it with a FULL_STATE_DICT',
        ),
        (
            averaged(AveragedModel).state_dict(),
            False,
            "averaged weights only, with 'n_averaged'; read it with ema=True",
        ),
        (OLD_HOOK, True, 'two sets of weights, as the EMA hooks of mmcv 1'),
        (OLD_HOOK, False, 'two sets .* Without ema=False the first one is'),
    ],
)
def test_what_is_not_clear_is_refused_by_name(
    save: Callable[..., Path],
    content: dict[str, Any],
    ema: bool | None,
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load_backbone(build('image'), save(content), head_dim=16, ema=ema)
    assert 'damaged' not in str(caught.value)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda m: parametrizations.weight_norm(m.proj), 'with parametrizati'),
        (lambda m: nn.utils.weight_norm(m.proj), r'weight norm .*\.weight_g;'),
        (lambda m: nn.utils.spectral_norm(m.proj), 'with spectral norm in it'),
        (
            lambda m: prune.random_unstructured(m.qkv, 'weight', 0.5),
            r'pruning masks .*attn\.qkv\.weight_mask; .*prune\.remove',
        ),
    ],
)
def test_tools_in_layers_are_named(
    save: Callable[..., Path], change: Callable[[Any], Any], message: str
) -> None:
    model = build('image')
    change(model.blocks3[0].attn)
    with pytest.raises(ValueError, match=message) as caught:
        load_backbone(build('image'), save(model.state_dict()), head_dim=16)
    assert 'damaged' not in str(caught.value)


@pytest.mark.parametrize(
    'content',
    [
        renamed(r'(attn\.qkv)', r'\1.base_layer'),
        renamed('^', 'base_model.model.')
        | {'base_model.model.blocks3.0.attn.qkv.lora_A.weight': torch.ones(2)},
    ],
)
def test_adapters_of_peft_are_named(
    save: Callable[..., Path], content: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r'adapters .* \(merge_and_unload'):
        load_backbone(build('image'), save(content), head_dim=16)


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        ({'net': RAW}, RAW),
        ({'model': {'state_dict': RAW, 'epoch': 1}}, RAW),
        ({'model': RAW, 'state_dict': AVERAGE}, RAW),
        (renamed('^', 'teacher.', criterion=torch.ones(2)), RAW),
        (OLD_HOOK, AVERAGE),
    ],
)
def test_the_way_out_of_a_refusal_works(
    save: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    content: dict[str, Any],
    expected: dict[str, Tensor],
) -> None:
    path = save(content)
    monkeypatch.chdir(path.parent)
    old = content is OLD_HOOK
    with pytest.raises(ValueError, match=r'one\.pth') as caught:
        load_backbone(build('image'), path, ema=True if old else None)
    start = r'state = ' if old else r'torch\.save'
    (line,) = re.findall(start + r".*'one\.pth'\)", str(caught.value))
    exec(line, {'torch': torch, 'state': content})  # as a user would
    backbone = build('image')
    load_backbone(backbone, 'one.pth', head_dim=16)
    parameters = {key for key, _ in MODEL.named_parameters()}
    for key in parameters:
        assert torch.equal(backbone.state_dict()[key], expected[key]), key
