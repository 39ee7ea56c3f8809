"""GELUs put into the products before them, and MLPs into one operator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Graph

from uniformer_mm.compiled.nodes import (
    TO_MAP,
    TO_TOKENS,
    Node,
    are_same,
    call,
    is_call,
    replace,
    value,
)
from uniformer_mm.compiled.operators import MLP, PRODUCT

__all__ = ['fuse_gelu', 'fuse_mlp']

aten = torch.ops.aten
# A dropout of nothing leaves a copy, by the version of torch.
VIEWS = (
    aten.reshape.default,
    aten.view.default,
    aten.permute.default,
    aten.clone.default,
)


def fuse_gelu(graph: Graph, erf: Node) -> None:
    """Let a product apply the GELU behind it, x / 2 * (1 + erf(x / 2^0.5))."""
    if not is_call(erf, aten.erf.default, 1):
        return
    scaled, (shifted,) = erf.args[0], erf.users
    if not (
        is_call(scaled, aten.mul.Tensor, 1)
        and is_call(shifted, aten.add.Tensor, 1)
        and shifted.args == (erf, 1)
    ):
        return
    (x, factor), (y,) = scaled.args, shifted.users
    halves = [half for half in x.users if half.args == (x, 0.5)]
    if not (
        isinstance(factor, float)
        and math.isclose(factor, math.sqrt(0.5))
        and len(x.users) == 2
        and len(halves) == 1
        and is_call(halves[0], aten.mul.Tensor, 1)
        and is_call(y, aten.mul.Tensor)
        and set(y.args) == {halves[0], shifted}
    ):
        return
    product = x
    if x.target in VIEWS:
        product = _behind_views(x.args[0])
        if len(product.users) != 1:
            return
    if is_call(product, PRODUCT) and not product.args[3]:
        product.args = (*product.args[:3], True)
        replace(graph, y, x)
        for node in (shifted, erf, scaled, halves[0]):
            graph.erase_node(node)


def _behind_views(node: Node) -> Node:
    """Return what ``node`` shows, through views with one user each."""
    while node.target in VIEWS and len(node.users) == 1:
        node = node.args[0]
    return node


def fuse_mlp(graph: Graph, second: Node) -> None:
    """Make one of two products with a GELU between them."""
    if not is_call(second, PRODUCT) or second.args[3]:
        return
    first = _same_tokens(second.args[0])
    if (
        is_call(first, PRODUCT, 1)
        and first.args[3]
        and _are_alike(value(first).shape[:-1], value(second).shape[:-1])
    ):
        with graph.inserting_before(second):
            new = call(graph, MLP, *first.args[:3], *second.args[1:3])
        between = second.args[0]
        replace(graph, second, new)
        while between is not first:
            between, node = between.args[0], between
            graph.erase_node(node)
        graph.erase_node(first)


def _are_alike(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(map(are_same, one, other))


def _same_tokens(node: Any) -> Any:
    """Return the node that has the tokens of ``node``, in the same order."""
    while is_call(node, node.target, 1):
        before: Node = node.args[0] if node.args else None
        if node.target is aten.permute.default:
            # (N, ..., C) -> (N, C, ...) -> (N, ..., C)
            ndim = value(node).ndim
            if not (
                node.args[1] == TO_TOKENS.get(ndim)
                and is_call(before, aten.permute.default, 1)
                and before.args[1] == TO_MAP[ndim]
            ):
                break
            node = before.args[0]
        elif node.target in VIEWS:
            if not are_same(value(node).shape[-1], value(before).shape[-1]):
                break
            node = before
        else:
            break
    return node
