"""What one call of a model does: each operation's FLOPs and bytes.

``trace`` records a real call, so the operations are those that this machine
runs: fast forms, fused attention and gradients included. ``fused`` turns them
into the kernels that a compiler would make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from uniformer_mm.fast import rules
from uniformer_mm.fast.attention import LEAST_TOKENS
from uniformer_mm.fast.linear import LEAST_PRODUCTS

__all__ = ['FUSIBLE', 'KINDS', 'Operation', 'by_onednn', 'fused', 'trace']

# Kinds that are bound by FLOPs where they are large, by the operation's name.
PRODUCTS = {'mm', 'addmm', 'bmm', 'baddbmm', '_linear_pointwise'}
CONVOLUTIONS = ('convolution', 'mkldnn_convolution')
NORMS = {
    'native_layer_norm',
    'native_batch_norm',
    '_native_batch_norm_legit',
    '_native_batch_norm_legit_no_training',
    'cudnn_batch_norm',
}
COPIES = {
    'clone',
    'copy_',
    '_to_copy',
    'cat',
    'constant_pad_nd',
    'index',
    'gather',
    'scatter',
    'index_select',
    'index_copy_',
    'flip',
    'fill_',
    'zeros_like',
    'new_zeros',
    'zeros',
    'ones_like',
    'stack',
    'unfold_backward',
    'slice_backward',
    'select_backward',
}
FUSIBLE = ('pointwise', 'gelu', 'norm', 'copy')
KINDS = (
    'product',
    'packed product',
    'packed product, gelu',
    'convolution',
    '1x1 convolution',
    'depthwise',
    'attention',
    'packing',
    *FUSIBLE,
)
GRADIENT = ' gradient'
BY_ONEDNN = ('product', '1x1 convolution', f'1x1 convolution{GRADIENT}')


@dataclass(frozen=True)
class Operation:
    """One operation, or one kernel of several.

    Args:
        name (str): Of the operation, 'aten.addmm'.
        kind (str): One of ``KINDS``; those with gradients of their own may
            end in ' gradient'.
        flops (int): 2 per multiply-add of products, convolutions and
            attention; 0 for all else.
        reads (Mapping[int, int]): Bytes read of each value, values by number.
        writes (Mapping[int, int]): Bytes written of each value.
    """

    name: str
    kind: str
    flops: int
    reads: Mapping[int, int]
    writes: Mapping[int, int]

    @property
    def bytes(self) -> int:
        """Bytes read and written, each value once."""
        return sum(self.reads.values()) + sum(self.writes.values())

    @property
    def made(self) -> list[int]:
        """Bytes of each value that it makes, in memory of its own."""
        return [
            n for value, n in self.writes.items() if value not in self.reads
        ]


def trace(call: Callable[[], object]) -> list[Operation]:
    """Run ``call`` once and return its operations, in order.

    Views and new, empty memory are no operations. Values are numbered: what
    writes to memory that is there makes no new value.
    """
    recorder = _Recorder()
    # Fast forms step aside where operations are watched; here they are what
    # is looked at.
    unseen = mock.patch.object(
        rules, '_get_current_dispatch_mode', return_value=None
    )
    with unseen, recorder:
        call()
    return recorder.operations


def by_onednn(operations: Sequence[Operation]) -> list[Operation]:
    """Return ``operations`` with products as ``compile_options`` has them.

    Products and 1x1 convolutions, with their gradients, one of whose factors
    is turned over in memory first, and attention over many tokens. GELUs stay
    apart.
    """
    ours: list[Operation] = []
    for each in operations:
        # 4 * L * L * D FLOPs, and 4 * L * D numbers of 4 bytes
        if each.kind == 'attention' and each.flops >= (
            LEAST_TOKENS * each.bytes / 4
        ):
            ours.append(replace(each, kind='packed product'))
            continue
        if each.flops < 2 * LEAST_PRODUCTS or each.kind not in BY_ONEDNN:
            ours.append(each)
            continue
        if each.kind.endswith(GRADIENT):
            # The smaller one of maps and their gradients; the weight is third.
            value, size = sorted(each.reads.items(), key=lambda x: x[1])[-2]
            turned = Operation(
                'turned', 'packing', 0, {value: size}, {-value: size}
            )
            ours.append(turned)
        ours.append(replace(each, kind='packed product'))
    return ours


def fused(operations: Sequence[Operation]) -> list[Operation]:
    """Return the kernels that a compiler makes of ``operations``.

    A run of operations between two products, convolutions or attentions is
    one kernel. It reads once what comes from before it, and writes once what
    is read after it, or by nobody in the call: the outputs.
    """
    last_read: dict[int, int] = {}
    for i, operation in enumerate(operations):
        last_read.update(dict.fromkeys(operation.reads, i))
    kernels: list[Operation] = []
    run: list[Operation] = []
    for i, operation in enumerate(operations):
        if operation.kind in FUSIBLE:
            run.append(operation)
            continue
        if run:
            kernels.append(_kernel(run, i, last_read))
            run = []
        kernels.append(operation)
    if run:
        kernels.append(_kernel(run, len(operations), last_read))
    return kernels


def _kernel(
    run: Sequence[Operation], end: int, last_read: Mapping[int, int]
) -> Operation:
    made: dict[int, int] = {}
    reads: dict[int, int] = {}
    for operation in run:
        for value, size in operation.reads.items():
            if value not in made:
                reads[value] = max(size, reads.get(value, 0))
        for value, size in operation.writes.items():
            made[value] = max(size, made.get(value, 0))
    writes = {
        value: size
        for value, size in made.items()
        if last_read.get(value, end) >= end
    }
    names = dict.fromkeys(operation.name for operation in run)
    heaviest = max(run, key=lambda operation: operation.bytes)
    return Operation('+'.join(names), heaviest.kind, 0, reads, writes)


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self._values: dict[int, int] = {}  # by the address of the memory
        self._count = 0

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        inputs = _tensors((args, kwargs))
        places = {_address(x) for x in inputs}
        reads = self._sizes(inputs)
        out = func(*args, **kwargs)
        outputs = _tensors(out)
        made = [x for x in outputs if _address(x) not in places]
        name = func.overloadpacket._qualified_op_name.replace('::', '.')
        if (made or func._schema.is_mutable) and '.empty' not in name:
            for x in made:
                self._count += 1
                self._values[_address(x)] = self._count
            written = outputs if func._schema.is_mutable else made
            writes = self._sizes(written)
            most = _bytes_of_rows(func, args, out)
            if most is not None:
                reads, writes = (
                    {value: min(size, most) for value, size in sizes.items()}
                    for sizes in (reads, writes)
                )
            kind, flops = _kind(func, args), _flops(func, args, out)
            self.operations.append(Operation(name, kind, flops, reads, writes))
        return out

    def _sizes(self, tensors: Iterable[Tensor]) -> dict[int, int]:
        """Return the bytes of each value; of parts of one, all that differ."""
        sizes: dict[int, int] = {}
        for x in {_part(x): x for x in tensors}.values():
            if (address := _address(x)) not in self._values:
                self._count += 1
                self._values[address] = self._count
            value = self._values[address]
            sizes[value] = sizes.get(value, 0) + _bytes(x)
        return sizes


def _tensors(tree: Any) -> list[Tensor]:
    return [x for x in tree_leaves(tree) if isinstance(x, Tensor)]


def _address(x: Tensor) -> int:
    if x.layout is torch.strided:
        return x.untyped_storage().data_ptr()
    return id(x)  # packed by oneDNN


def _part(x: Tensor) -> tuple[Any, ...]:
    if x.layout is not torch.strided:
        return (id(x),)
    return _address(x), x.storage_offset(), x.shape, x.stride()


def _bytes(x: Tensor) -> int:
    # Of an expanded axis one element is there.
    stored = x.layout is torch.strided
    sizes = zip(x.shape, x.stride(), strict=True) if stored else ()
    numel = prod(n for n, s in sizes if s) if stored else x.numel()
    return numel * x.element_size()


def _bytes_of_rows(func: Any, args: Sequence[Any], out: Any) -> int | None:
    """Return the bytes of what moves some rows alone moves; None of others."""
    if _name(func) == 'index_select':
        return _bytes(out)
    return _bytes(args[-1]) if _name(func) == 'index_copy_' else None


def _name(func: Any) -> str:
    return str(func.overloadpacket.__name__)


def _kind(func: Any, args: Sequence[Any]) -> str:
    name = _name(func)
    suffix = GRADIENT if 'backward' in name else ''
    if 'attention' in name:
        return f'attention{suffix}'
    if name in (*CONVOLUTIONS, 'convolution_backward'):
        groups = args[-1] if name in CONVOLUTIONS else args[-2]
        if groups > 1:
            return f'depthwise{suffix}'
        weight = args[2 if suffix else 1]
        one = weight[0, 0].numel() == 1
        return f'{"1x1 " if one else ""}convolution{suffix}'
    if name == '_linear_pointwise':
        return f'packed product{", gelu" * (args[3] == "gelu")}'
    if name in PRODUCTS:
        return 'product'
    if 'reorder' in name:
        return 'packing'
    if 'norm' in name:
        return 'norm'
    if name in COPIES:
        return 'copy'
    return 'gelu' if 'gelu' in name else 'pointwise'


def _flops(func: Any, args: Sequence[Any], out: Any) -> int:
    name = _name(func)
    if 'attention' in name:
        return _attention_flops(args, 'backward' in name)
    if name in CONVOLUTIONS:
        return 2 * prod(out.shape) * prod(args[1].shape[1:])
    if name == 'convolution_backward':
        grad, _, weight = args[:3]
        of_input, of_weight, _ = args[-1]
        each = 2 * prod(grad.shape) * prod(weight.shape[1:])
        return each * (bool(of_input) + bool(of_weight))
    if name == '_linear_pointwise':
        return 2 * prod(out.shape) * int(args[0].shape[-1])
    if name in PRODUCTS:
        left = args[-2]
        return 2 * prod(out.shape) * int(left.shape[-1])
    return 0


def _attention_flops(args: Sequence[Any], backward: bool) -> int:
    # (B, heads, L, D), (B, heads, S, D)
    q, k = args[1:3] if backward else args[:2]
    product = 2 * prod(q.shape) * int(k.shape[-2])
    # Backward: scores anew, and gradients of scores, values, queries, keys.
    return product * (5 if backward else 2)
