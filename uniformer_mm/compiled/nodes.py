"""Nodes of a graph of torch's: what they are, and new ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx
from torch.fx import Graph
from torch.fx.experimental.symbolic_shapes import statically_known_true

__all__ = [
    'TO_MAP',
    'TO_TOKENS',
    'Node',
    'are_maps',
    'are_ours',
    'are_same',
    'call',
    'is_bias',
    'is_call',
    'matrix',
    'replace',
    'reshape',
    'to_map',
    'to_tokens',
    'turned',
    'value',
]

aten = torch.ops.aten
# ``fx.Node``, of whose arguments types tell nothing.
Node = Any
# (N, C, [T,] H, W) -> (N, [T,] H, W, C), and back.
TO_TOKENS = {4: [0, 2, 3, 1], 5: [0, 2, 3, 4, 1]}
TO_MAP = {4: [0, 3, 1, 2], 5: [0, 4, 1, 2, 3]}


def call(graph: Graph, target: Any, *args: Any) -> Node:
    """Add a node, with what its value looks like."""
    new = graph.call_function(target, args)
    values = [value(x) if isinstance(x, fx.Node) else x for x in args]
    with values[0].fake_mode:
        new.meta['val'] = target(*values)
    return new


def replace(graph: Graph, node: Node, new: Node) -> None:
    """Let ``new`` stand for ``node``, which goes."""
    node.replace_all_uses_with(new)
    graph.erase_node(node)


def is_call(node: Any, target: Any, users: int | None = None) -> bool:
    """Whether ``node`` calls ``target`` and has so many users."""
    return (
        isinstance(node, fx.Node)
        and node.target is target
        and users in (None, len(node.users))
    )


def value(node: Any) -> Any:
    """Return a tensor without data that looks like the value of ``node``."""
    return node.meta.get('val') if isinstance(node, fx.Node) else None


def are_ours(*nodes: Any) -> bool:
    """Whether their values are tensors of float32 on a CPU."""
    return all(
        isinstance(x, Tensor)
        and x.dtype == torch.float32
        and x.device.type == 'cpu'
        for x in map(value, nodes)
    )


def are_maps(*nodes: Any) -> bool:
    """Whether they are maps of images or clips, in channels-last memory."""
    return are_ours(*nodes) and all(
        x.ndim in TO_TOKENS and x.movedim(1, -1).is_contiguous()
        for x in map(value, nodes)
    )


def is_bias(bias: Any, weight: Any, axis: int) -> bool:
    """Whether ``bias`` is None, or one number for each output."""
    if bias is None:
        return True
    return (
        are_ours(bias)
        and value(bias).ndim == 1
        and are_same(value(bias).shape[0], value(weight).shape[axis])
    )


def are_same(a: Any, b: Any) -> bool:
    """Whether two sizes are certainly equal, be they known or not."""
    return bool(statically_known_true(a == b))


def matrix(graph: Graph, weight: Node) -> Node:
    """(out, C, 1, ...) -> (out, C)."""
    return reshape(graph, weight, list(value(weight).shape[:2]))


def reshape(graph: Graph, node: Node, shape: list[Any]) -> Node:
    """Add a view in another shape."""
    return call(graph, aten.reshape.default, node, shape)


def turned(graph: Graph, node: Node) -> Node:
    """(A, B) -> (B, A)."""
    return call(graph, aten.permute.default, node, [1, 0])


def to_tokens(graph: Graph, node: Node) -> Node:
    """(N, C, ...) -> (N, ..., C)."""
    axes = TO_TOKENS[value(node).ndim]
    return call(graph, aten.permute.default, node, axes)


def to_map(graph: Graph, node: Node) -> Node:
    """(N, ..., C) -> (N, C, ...)."""
    axes = TO_MAP[value(node).ndim]
    return call(graph, aten.permute.default, node, axes)
