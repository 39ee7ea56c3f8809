"""Gradients of convolutions, in graphs of training."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import torch
from torch.fx import Graph

from uniformer_mm.compiled.nodes import (
    Node,
    are_maps,
    are_ours,
    call,
    matrix,
    replace,
    reshape,
    to_map,
    to_tokens,
    turned,
    value,
)
from uniformer_mm.compiled.operators import OF_INPUT, OF_WEIGHT, PRODUCT

__all__ = ['exchange_gradients', 'is_pointwise']

aten = torch.ops.aten


def exchange_gradients(graph: Graph, node: Node) -> None:
    """Exchange gradients of a convolution that has fast ones."""
    grad, x, weight, _, *settings, _ = node.args
    if not are_maps(grad, x):
        return
    if is_pointwise(weight, *settings):
        gradients = _pointwise_gradients
    elif _is_depthwise(x, weight, *settings):
        gradients = _depthwise_gradients
    else:
        return
    users = {user.args[1]: user for user in node.users}
    with graph.inserting_before(node):
        new = gradients(graph, grad, x, weight, users)
        if 2 in users:
            axes = [0, *range(2, value(x).ndim)]
            new[2] = call(graph, aten.sum.dim_IntList, grad, axes)
    for i, user in users.items():
        replace(graph, user, new[i])
    graph.erase_node(node)


def _pointwise_gradients(
    graph: Graph, grad: Node, x: Node, weight: Node, wanted: Container[int]
) -> dict[int, Node]:
    new = {}
    grad, x = to_tokens(graph, grad), to_tokens(graph, x)
    if 0 in wanted:
        rows = turned(graph, matrix(graph, weight))
        y = call(graph, PRODUCT, grad, rows, None, False)
        new[0] = to_map(graph, y)
    if 1 in wanted:
        # (N, ..., C) -> (L, C) -> (C, L)
        grad, x = (
            turned(graph, reshape(graph, maps, [-1, value(maps).shape[-1]]))
            for maps in (grad, x)
        )
        y = call(graph, PRODUCT, grad, x, None, False)
        new[1] = reshape(graph, y, list(value(weight).shape))
    return new


def _depthwise_gradients(
    graph: Graph, grad: Node, x: Node, weight: Node, wanted: Container[int]
) -> dict[int, Node]:
    new = {}
    if 0 in wanted:
        new[0] = call(graph, OF_INPUT, grad, weight)
    if 1 in wanted:
        new[1] = call(graph, OF_WEIGHT, x, grad, weight)
    return new


def is_pointwise(
    weight: Any,
    stride: Any,
    padding: Any,
    _: Any,
    transposed: bool,
    __: Any,
    groups: int,
) -> bool:
    """Whether a convolution multiplies each token by ``weight``."""
    return (
        are_ours(weight)
        and not transposed
        and groups == 1
        and set(stride) == {*value(weight).shape[2:]} == {1}
        and set(padding) == {0}
    )


def _is_depthwise(
    x: Any,
    weight: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    _: Any,
    groups: int,
) -> bool:
    """Whether torch's gradients are slow, and ours apply."""
    if not are_ours(weight) or transposed:
        return False
    out, _, *kernel = value(weight).shape
    return (
        groups == out == value(x).shape[1]
        and set(stride) == set(dilation) == {1}
        and len({*kernel}) == 1
        and kernel[0] % 2 == 1
        and set(padding) == {kernel[0] // 2}
        and (kernel[0] > 3 or len(kernel) == 3)
    )
