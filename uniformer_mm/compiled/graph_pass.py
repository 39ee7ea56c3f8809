"""What is exchanged in graphs of ``torch.compile``: oneDNN multiplies.

Inductor multiplies float32 through MKL, and convolves with kernels of 1 no
faster. In graphs that are differentiated already, so of training too, nodes
are exchanged for our operators, which decide when they run.

This file is imported where torch has what it needs alone (``options``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch._inductor.custom_graph_pass import (
    CustomGraphPass,
    get_hash_for_files,
)
from torch.fx import Graph

from uniformer_mm.compiled.fusion import fuse_gelu, fuse_mlp
from uniformer_mm.compiled.gradients import exchange_gradients, is_pointwise
from uniformer_mm.compiled.nodes import (
    Node,
    are_maps,
    are_ours,
    are_same,
    call,
    is_bias,
    matrix,
    replace,
    to_map,
    to_tokens,
    turned,
    value,
)
from uniformer_mm.compiled.operators import ATTEND, CLIP, PRODUCT
from uniformer_mm.fast.attention import LEAST_TOKENS

__all__ = ['ByOneDNN']

aten = torch.ops.aten


class ByOneDNN(CustomGraphPass):
    """Exchange products, MLPs and attention of float32 on a CPU for ours."""

    def __call__(self, graph: Graph) -> None:
        """Change ``graph``, whose nodes have their values' shapes."""
        for change in (_exchange, fuse_gelu, fuse_mlp):
            for node in list(graph.nodes):
                if node.op == 'call_function':
                    change(graph, node)

    def uuid(self) -> Any:
        """Tell graphs in torch's cache from those of other versions."""
        files = Path(__file__).parents[1].glob('*/*.py')
        ours = [x for x in files if x.parent.name in ('compiled', 'fast')]
        return get_hash_for_files(tuple(map(str, sorted(ours))))


def _exchange(graph: Graph, node: Node) -> None:
    target, args = node.target, node.args
    if target is aten.mm.default and not node.kwargs:
        _multiply(graph, node, args[0], args[1], None)
    elif target is aten.addmm.default and not node.kwargs:
        _multiply(graph, node, args[1], args[2], args[0])
    elif str(target).startswith('mkl._mkl_linear'):
        # Of a graph whose weights are constants. It has them as they are, too.
        x, _, weight, bias = args[:4]
        _multiply(graph, node, x, weight, bias, by_rows=True)
    elif target is aten.convolution.default:
        _convolve(graph, node)
    elif target is aten.convolution_backward.default:
        exchange_gradients(graph, node)
    elif target is aten._scaled_dot_product_flash_attention_for_cpu.default:
        _attend(graph, node)


def _multiply(
    graph: Graph,
    node: Node,
    x: Any,
    weight: Any,
    bias: Any,
    *,
    by_rows: bool = False,
) -> None:
    """Exchange a product by a weight (C, out), ``by_rows`` (out, C)."""
    if not (are_ours(x, weight) and is_bias(bias, weight, 1 - by_rows)):
        return
    with graph.inserting_before(node):
        if not by_rows:
            weight = turned(graph, weight)
        new = call(graph, PRODUCT, x, weight, bias, False)
    replace(graph, node, new)


def _convolve(graph: Graph, node: Node) -> None:
    """Exchange one of kernel 1 in channels-last memory, or of one clip."""
    x, weight, bias, *settings = node.args
    if not (are_ours(x, weight) and is_bias(bias, weight, 0)):
        return
    is_clip = _is_of_one_clip(x, *settings)
    # torch plans other memory for clips than what CLIP makes.
    if is_pointwise(weight, *settings) and (is_clip or are_maps(x, node)):
        with graph.inserting_before(node):
            tokens, rows = to_tokens(graph, x), matrix(graph, weight)
            y = call(graph, PRODUCT, tokens, rows, bias, False)
            new = to_map(graph, y)
    elif is_clip:
        with graph.inserting_before(node):
            new = call(graph, CLIP, x, weight, bias, *settings[:3])
    else:
        return
    replace(graph, node, new)


def _is_of_one_clip(
    x: Any, _: Any, __: Any, ___: Any, transposed: bool, ____: Any, groups: int
) -> bool:
    # Of others it is oneDNN's anyway, see ``fast.clips``.
    shape = value(x).shape
    return (
        len(shape) == 5
        and are_same(shape[0], 1)
        and not transposed
        and groups == 1
    )


def _attend(graph: Graph, node: Node) -> None:
    """Exchange attention of inference: in training its sums are used too."""
    if len(node.args) > 3 or node.kwargs or not are_ours(*node.args):
        return
    length = value(node.args[0]).shape[2]
    if isinstance(length, int) and length < LEAST_TOKENS:
        return
    users = list(node.users)
    if any(user.args != (node, 0) for user in users):
        return
    with graph.inserting_before(node):
        new = call(graph, ATTEND, *node.args)
    for user in users:
        replace(graph, user, new)
    graph.erase_node(node)
