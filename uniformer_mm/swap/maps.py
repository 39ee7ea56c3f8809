"""What parts of a model make of an input: they are built, and run on nothing.

On torch's meta device, where tensors have shapes and no numbers; what does not
run there runs on the CPU.
"""

from __future__ import annotations

import copy
import inspect
import textwrap
from importlib import import_module
from typing import Any

import torch
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = [
    'build',
    'channels',
    'describe',
    'failure',
    'run',
    'strides',
    'tensors',
]

# Arguments that load files, and those of ops that keep the shapes.
WITHOUT = dict.fromkeys(('init_cfg', 'pretrained', 'teacher_ckpt', 'dcn'))


def build(host: str, part: Any, device: str = 'meta') -> nn.Module:
    """Build a part of a model without its weights, in eval mode."""
    import_module(f'{host}.models')
    models = import_module(f'{host}.registry').MODELS
    part = copy.deepcopy(part)
    part.update({k: v for k, v in WITHOUT.items() if k in part})
    if 'dcn' in part:
        part.pop('stage_with_dcn', None)
    scope = DefaultScope.overwrite_default_scope(host)
    with scope, torch.device(device), _ReadableRates():
        module: nn.Module = models.build(part)
    module.eval()  # which some backbones return nothing from
    return module.to(device)  # weights made by torch.Tensor(...) too


class _ReadableRates(TorchFunctionMode):
    """Rates that rise with depth have numbers, which transformers read."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        options = dict(kwargs or {})
        if func is torch.linspace:
            options.setdefault('device', 'cpu')
        return func(*args, **options)


def run(host: str, part: Any, inputs: Any, **options: Any) -> Any:
    """Build a part, and run it on the meta device, else on the CPU.

    Args:
        host: Whose scope builds it.
        part: Its config.
        inputs: A tensor, or a tuple of them.
        **options: Arguments that ``forward`` gets if it has them.

    Returns:
        Any: What ``forward`` returns; None where there is none, or it wants
            arguments that are not among the options.
    """
    try:
        return _run(host, part, inputs, options, 'meta')
    except (NotImplementedError, RuntimeError, TypeError):
        # Some read numbers, or have ops that know no meta device.
        moved = _on_cpu(inputs)
        known = {
            name: _on_cpu(value) if isinstance(value, Tensor) else value
            for name, value in options.items()
        }
        out = _run(host, part, moved, known, 'cpu')
        return _linked(out, _users(out, tensors(moved), tensors(inputs)))


def _run(
    host: str, part: Any, inputs: Any, options: dict[str, Any], device: str
) -> Any:
    module = build(host, part, device)
    if type(module).forward is nn.Module.forward:
        return None
    wanted = dict(inspect.signature(module.forward).parameters)
    wanted.pop(next(iter(wanted)))
    for name, parameter in wanted.items():
        needed = parameter.default is inspect.Parameter.empty
        named = parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        if needed and named and name not in options:
            return None
    known = {name: v for name, v in options.items() if name in wanted}
    with torch.device(device):
        return module(inputs, **known)


def _on_cpu(value: Any) -> Any:
    """Zeros of the same shapes."""
    if isinstance(value, Tensor):
        moved = torch.zeros(value.shape, dtype=value.dtype)
        return moved.requires_grad_(value.requires_grad)
    return tuple(_on_cpu(item) for item in value)


def _users(out: Any, moved: list[Tensor], inputs: list[Tensor]) -> Any:
    """A meta scalar that depends on the inputs that ``out`` depends on."""
    sums = [t.float().sum() for t in tensors(out) if t.requires_grad]
    wanted = [tensor for tensor in moved if tensor.requires_grad]
    grads: Any = ()
    if sums and wanted:
        total = torch.stack(sums).sum()
        grads = torch.autograd.grad(total, wanted, allow_unused=True)
    needs = [tensor for tensor in inputs if tensor.requires_grad]
    return sum(
        tensor.sum()
        for tensor, grad in zip(needs, grads, strict=False)
        if grad is not None
    )


def _linked(out: Any, link: Any) -> Any:
    """The same on the meta device, as if it depended on ``link``."""
    if isinstance(out, Tensor):
        empty = torch.empty(out.shape, dtype=out.dtype, device='meta')
        return empty + link if out.is_floating_point() else empty
    if isinstance(out, (tuple, list)):
        return type(out)(_linked(item, link) for item in out)
    if isinstance(out, dict):
        return {key: _linked(item, link) for key, item in out.items()}
    return out


def tensors(value: Any) -> list[Tensor]:
    """The tensors in what modules take and return, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in tensors(item)]
    return []


def channels(maps: Any) -> list[int]:
    """Channels of maps."""
    return [tensor.shape[1] for tensor in tensors(maps)]


def strides(maps: Any, image: Tensor) -> list[float]:
    """Input pixels per pixel of maps, along the height."""
    return [image.shape[-2] / tensor.shape[-2] for tensor in tensors(maps)]


def describe(maps: Any) -> str:
    """Channels and sizes, for a message: ``64x56x56, 128x28x28``."""
    return ', '.join('x'.join(map(str, t.shape[1:])) for t in tensors(maps))


def failure(error: Exception) -> str:
    """First line of an error, with its type, if that is not too long."""
    text = str(error).strip().partition('\n')[0]
    return textwrap.shorten(f'{type(error).__name__}: {text}', 200)
