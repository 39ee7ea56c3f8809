"""Options of ``torch.compile`` with which a CPU multiplies by oneDNN."""

from __future__ import annotations

from typing import Any

import torch

from uniformer_mm.fast.linear import AVAILABLE
from uniformer_mm.fast.path import is_on
from uniformer_mm.fast.processor import mkl_lacks_avx512

__all__ = ['compile_options', 'notice_hooks']


def compile_options() -> dict[str, Any]:
    """Return options for ``torch.compile``, with which it multiplies faster.

    On AMD's processors with AVX-512, in float32: products and convolutions of
    kernel 1 with their GELUs, MLPs, attention over many tokens and
    convolutions of single clips go to oneDNN, in training too but for
    attention. Results are the same up to rounding. Nothing is kept of
    weights, which may change at any time.

    From then on torch notices hooks that are put on a layer of a compiled
    model, of any in this process, which it passes over by default.

    Returns:
        dict[str, Any]: For ``options``; empty where torch's own are as fast,
        where torch is too old to keep the strides that operators want
        (``torch.Tag.needs_exact_strides``), and where fast forms are off
        (``UNIFORMER_MM_FAST=0``, inside ``fast.plain()``).

    Examples:
        >>> model.backbone.compile(options=uniformer_mm.compile_options())
    """
    notice_hooks()
    if not (
        is_on()
        and AVAILABLE
        and mkl_lacks_avx512()
        and hasattr(torch.Tag, 'needs_exact_strides')
    ):
        return {}
    from uniformer_mm.compiled.graph_pass import ByOneDNN

    return {'post_grad_custom_pre_pass': ByOneDNN()}


def notice_hooks() -> None:
    """Have ``torch.compile`` call hooks that come after its graphs, too."""
    torch._dynamo.config.skip_nnmodule_hook_guards = False
