"""``deploy``: the same function for inference, with less to do.

Batch norms are folded into the convolutions beside them, position embeddings
are one convolution instead of a convolution and a sum, gains of layer scale
are part of the projections before them. Attention, windows and LayerNorms stay
as they are, and so do batch norms of outputs, which have no layer beside them.
"""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from typing import TypeVar

import torch
from torch import nn

from uniformer_mm.deployed.blocks import DEPLOYED
from uniformer_mm.deployed.fold import Folding
from uniformer_mm.fast.processor import has_bf16
from uniformer_mm.fast.rules import replaced_in_torch
from uniformer_mm.models.backbone import Backbone
from uniformer_mm.models.form import MARK

__all__ = ['deploy']

Model = TypeVar('Model', bound=nn.Module)


def deploy(
    model: Model, inplace: bool = True, *, dtype: torch.dtype | None = None
) -> Model:
    """Turn the backbones in ``model`` into their deployed form.

    The outputs stay the same up to rounding: relative error below 1e-4 in
    float32. The parameters are new and frozen, ``train()`` is refused from
    then on, and saved weights carry a mark, so that they are loaded into
    deployed models alone. ``set_attention`` works as before. Code of
    your own that calls parts of a block (``mix``, a norm) gets parts of the
    deployed one.

    Args:
        model (nn.Module): A ``UniFormer`` or ``UniFormerLight``, or what holds
            one: a detector, a ``UniFormerClassifier``. In eval mode.
        inplace (bool): Change ``model`` itself; False leaves it as it is and
            deploys a copy. Defaults to True.
        dtype (torch.dtype | None): ``torch.bfloat16`` lets the backbones
            compute in it; they still take float32, and give it to what is
            around them. Their outputs then are off by some percent of the
            largest value (docs/speed.md). On a CPU without instructions for
            it they stay as they are, with a warning. None keeps the dtype.
            Defaults to None.

    Returns:
        nn.Module: The deployed model.

    Raises:
        TypeError: ``model`` is not a module.
        ValueError: ``dtype`` is another one. ``model`` holds no backbone of
            ours, or one deployed already, or one with layers that can't be
            folded exactly, or functions of torch's are replaced; all of them
            are named, and nothing has been changed.
        RuntimeError: A backbone in it is in training mode.

    Examples:
        >>> model = deploy(UniFormer('small').eval())
        >>> model.deployed
        True
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f'model must be a torch.nn.Module, got {type(model).__name__}'
        )
    if dtype not in (None, torch.bfloat16):
        raise ValueError(
            f'dtype must be torch.bfloat16 or None, got {dtype!r}'
        )
    # Not as tensors of inference mode, which could not leave it.
    with torch.inference_mode(False), torch.no_grad():
        if not inplace:
            _plan(model)  # before a copy: some refused models have none
            model = copy.deepcopy(model)
        plan = _plan(model)
        for folding in plan.values():
            folding.compute()
        for backbone, folding in plan.items():
            folding.write()
            _finish(backbone)
            if dtype is not None:
                _cast(backbone, dtype)
    return model


def _plan(model: nn.Module) -> dict[Backbone, Folding]:
    """Look at all that is folded; refuse what can't be folded exactly."""
    backbones = {
        module: name
        for name, module in model.named_modules()
        if isinstance(module, Backbone)
    }
    if not backbones:
        graphs = (torch.fx.GraphModule, torch.jit.ScriptModule)
        is_graph = any(isinstance(m, graphs) for m in model.modules())
        raise ValueError(
            'model must be or hold a UniFormer or a UniFormerLight, got '
            f'{type(model).__name__} without one'
            + (
                ', but a graph: deploy() comes before tracing'
                if is_graph
                else ''
            )
        )
    for backbone in backbones:
        _check_form(backbone)
    places = Counter(m for _, m in model.named_modules(remove_duplicate=False))
    plan = {
        backbone: Folding(name, backbone, places)
        for backbone, name in backbones.items()
    }
    refused = [line for folding in plan.values() for line in folding.refused]
    refused += [
        f'torch.nn.{name} has been replaced' for name in replaced_in_torch()
    ]
    if refused:
        lines = ''.join(f'\n  {line}' for line in refused)
        raise ValueError(
            f"this {type(model).__name__} can't be deployed exactly, and "
            f'was left as it is:{lines}\nMerge or remove what was added '
            '(merge_and_unload() of adapters, torch.nn.utils.prune.remove, '
            'remove_parametrizations, remove_weight_norm, handle.remove() of '
            "hooks), or put the model's own layers, or torch's functions, "
            'back; then deploy'
        )
    return plan


def _check_form(backbone: Backbone) -> None:
    name = type(backbone).__name__
    if backbone.deployed:
        raise ValueError(f'this {name} is deployed already')
    # mmcv's fuse_conv_bn leaves identities behind, in training mode.
    if any(
        module.training and type(module) is not nn.Identity
        for module in backbone.modules()
    ):
        raise RuntimeError(
            f'deploy() needs a {name} in eval mode, whose batch norms '
            'have their final statistics; call .eval() first'
        )


def _finish(backbone: Backbone) -> None:
    for module in list(backbone.modules()):
        if type(module) in DEPLOYED:
            module.__class__ = DEPLOYED[type(module)]
    device = next(backbone.parameters()).device
    backbone.register_buffer(MARK, torch.tensor(True, device=device))
    backbone.requires_grad_(False)


def _cast(backbone: Backbone, dtype: torch.dtype) -> None:
    device = next(backbone.parameters()).device
    if device.type == 'cpu' and not has_bf16():
        warnings.warn(
            'this processor has no instructions for bf16 (AVX512-BF16 or '
            'AMX), without which it is slow: the model is deployed in '
            'the dtype that it has',
            stacklevel=3,
        )
        return
    backbone.to(dtype)
    backbone.casts = True
