"""Where numbers go wrong in one training step: input, module or gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

__all__ = [
    'bad_names',
    'files_of',
    'find_bad',
    'not_finite',
    'statistics_of',
]

# What hosts call a sample's file, and its name where they don't keep that.
FILES = ('img_path', 'filename', 'frame_dir', 'video_path', 'img')
NAMES = ('img_id', 'video_id', 'sample_idx', 'id')


def find_bad(model: Any, batch: Any, optim_wrapper: Any) -> str:
    """Do a training step's forward and backward again, and look at each part.

    Gradients are added to those that are there; the random state should be
    that of the step.

    Args:
        model: Of a host, not wrapped, in training mode.
        batch: As the data loader gave it.
        optim_wrapper: Its context says which dtypes are used.

    Returns:
        str: What was not finite first; '' if all was finite.
    """
    if names := bad_names(named_tensors(batch, 'batch')):
        return f'the input itself: {", ".join(names[:3])}'
    if names := bad_names(model.named_parameters()):
        return f'weights, before the step: {", ".join(names[:3])}'
    forward: list[str] = []
    backward: list[str] = []
    hooks = [
        module.register_forward_hook(_watch(name, forward, backward))
        for name, module in model.named_modules()
        if name and name != 'data_preprocessor'
    ]
    try:
        with _without_compiling(), optim_wrapper.optim_context(model):
            data = model.data_preprocessor(batch, True)
            if names := bad_names(named_tensors(data, 'input')):
                return f'the input after data_preprocessor: {names[0]}'
            losses = model._run_forward(data, mode='loss')
        if forward:
            return f'the output of {forward[0]}, whose input was finite'
        if names := bad_names(model.named_buffers()):
            return f'the statistic {names[0]}, after a forward that was finite'
        total, values = model.parse_losses(losses)
        bad = bad_names(named_tensors(values, ''))
        if names := [name for name in bad if 'loss' in name]:
            return f'the loss {names[-1]}, from outputs that were finite'
        scale = getattr(optim_wrapper, 'loss_scaler', None)
        (total if scale is None else scale.scale(total)).backward()
    finally:
        for hook in hooks:
            hook.remove()
    if backward:
        return (
            f'the gradient of the output of {backward[0]}; the forward was '
            'finite'
        )
    grads = ((n, p.grad) for n, p in model.named_parameters())
    if names := bad_names((n, g) for n, g in grads if g is not None):
        return f'the gradient of {names[0]}; the forward was finite'
    return ''


def _without_compiling() -> AbstractContextManager[Any]:
    # Since torch 2.6; before it, hooks have a compiled part compiled again.
    stance = getattr(torch.compiler, 'set_stance', None)
    return nullcontext() if stance is None else stance('force_eager')


def _watch(name: str, forward: list[str], backward: list[str]) -> Any:
    """Return a forward hook that notes where numbers go wrong first."""

    def look(gradient: Tensor) -> None:
        if not gradient.isfinite().all():
            backward.append(name)

    def hook(_module: nn.Module, _inputs: Any, outputs: Any) -> None:
        results = [tensor for _, tensor in named_tensors(outputs, '')]
        if not forward and bad_names(('', tensor) for tensor in results):
            forward.append(name)
        for tensor in results:
            if tensor.requires_grad:
                tensor.register_hook(look)  # type: ignore[no-untyped-call]

    return hook


def bad_names(tensors: Any) -> list[str]:
    """Return the names of what is not finite among (name, tensor)."""
    return [
        name
        for name, tensor in tensors
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]


def named_tensors(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Yield (name, tensor) of all tensors in what hosts pass around."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, BaseDataElement):
        for key, part in value.items():
            yield from named_tensors(part, f'{name}.{key}')
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from named_tensors(part, f'{name}.{key}' if name else key)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, part in enumerate(value):
            yield from named_tensors(part, f'{name}[{index}]')
    elif isinstance(getattr(value, 'tensor', None), Tensor):  # boxes of mmdet
        yield name, value.tensor


def files_of(batch: Any, dataset: Any, indices: Sequence[int]) -> list[str]:
    """Return the files of the samples in a batch, as far as they are known.

    Args:
        batch: As the data loader gave it; data elements may name their file.
        dataset: With ``get_data_info``, as those of MMEngine.
        indices: Of the samples in the data set; () if they are not known.
    """
    found = [_file(element.metainfo) for element in _elements(batch)]
    if not any(found) and hasattr(dataset, 'get_data_info'):
        found = [_file(dataset.get_data_info(index)) for index in indices]
    return [name for name in found if name]


def _file(info: Mapping[str, Any]) -> str:
    for key in FILES:
        if isinstance(info.get(key), str):
            return str(info[key])
    names = [f'{key} {info[key]}' for key in NAMES if key in info]
    return names[0] if names else ''


def _elements(value: Any) -> Iterator[BaseDataElement]:
    if isinstance(value, BaseDataElement):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _elements(part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _elements(part)


def statistics_of(model: nn.Module) -> list[Tensor]:
    """Return the running statistics of all batch norms."""
    return [
        value
        for module in model.modules()
        if isinstance(module, _NormBase)
        for value in (module.running_mean, module.running_var)
        if value is not None
    ]


def not_finite(
    model: nn.Module, grads: Sequence[Tensor], statistics: Sequence[Tensor]
) -> str:
    """Say which of both is not finite, on any rank; '' if none is.

    The device is waited for once.
    """
    device = next(model.parameters()).device
    norms = [_norm(grads, device), _norm(statistics, device)]
    bad = 1 - torch.stack(norms).isfinite().int()
    all_reduce(bad, 'max')
    gradient, statistic = bad.tolist()
    if gradient:
        return 'the norm of the gradients'
    return 'a batch norm statistic' if statistic else ''


def _norm(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    # Of a sparse one, as an embedding may have, what is there.
    dense = [t._values() if t.is_sparse else t for t in tensors]
    dense = [t for t in dense if t.layout == torch.strided and t.numel()]
    if not dense:
        return torch.zeros((), device=device)
    norms = torch._foreach_norm(dense)
    # Of a sharded tensor, its parts on all ranks.
    whole = [
        getattr(norm, 'full_tensor', lambda n=norm: n)() for norm in norms
    ]
    return torch.stack([n.to(device, torch.float32) for n in whole]).norm()
