"""Write the table of memory, traffic and scaling into docs/distributed.md.

Usage: python -m tools.scaling [--check]

Nothing is measured: parameters, multiply-adds and the tensors that a backward
pass needs are counted on torch's meta device, and the rest follows from what
data sheets say of a machine.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from mmengine import Config
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn
from torch.nn import functional as F

from tools.generated import markdown_table, run
from uniformer_mm import UniFormer
from uniformer_mm.analysis import count_complexity

ROOT = Path(__file__).parents[1]
TOOL = 'tools.scaling'
CONFIG = ROOT / 'configs/detection/mask-rcnn_uniformer-b-h14_1x_coco.py'
ARCHS = {'B': 'base', 'L': 'large'}
SHAPE = (800, 1344)
IMAGES = 2  # per GPU, as the paper
HALF, FULL = 2, 4  # bytes of a number
STATES = 4 * FULL  # weight, gradient and two moments of AdamW
GIB = 1 << 30


@dataclass(frozen=True)
class Machine:
    """What the data sheet of a machine with eight GPUs says of each.

    Attributes:
        name: Of the GPU.
        memory: Bytes.
        flops: Dense operations in half precision per second.
        inside: Bytes per second to the other seven, one way.
        outside: Bytes per second to other machines, one way.
    """

    name: str
    memory: float
    flops: float
    inside: float
    outside: float


# NVIDIA's data sheets of the DGX A100 (80 GB; NVLink 600 GB/s both ways; eight
# ports of 200 Gb/s) and DGX H100 (900 GB/s; 400 Gb/s).
MACHINES = (
    Machine('A100', 80e9, 312e12, 300e9, 25e9),
    Machine('H100', 80e9, 989e12, 450e9, 50e9),
)
IN_MACHINE = 8  # GPUs
USED = 0.3  # share of the operations that training reaches: assumed


@dataclass(frozen=True)
class Counts:
    """What is counted of a detector.

    Attributes:
        params: Parameters.
        macs: Multiply-adds of a forward pass of one image.
        kept: Numbers of backbone and neck that the backward pass of an image
            needs.
        kept_recomputed: The same with ``with_cp=True``.
    """

    params: int
    macs: int
    kept: int
    kept_recomputed: int


class _Attention(torch.autograd.Function):
    """Keeps what a fused attention keeps, and computes nothing."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        y = torch.empty_like(q)
        ctx.save_for_backward(q, k, v, y, y.new_empty(y.shape[:-1]))
        return y


def numbers_kept(modules: list[nn.Module], x: Any) -> int:
    """Count the numbers that the backward pass through ``modules`` needs."""
    kept: dict[int, int] = {}
    weights = {
        p.untyped_storage()._cdata for m in modules for p in m.parameters()
    }
    alive = []  # so that no storage gets the address of another

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        alive.append(storage)
        if storage._cdata not in weights:
            size = storage.nbytes() // tensor.element_size()
            kept[storage._cdata] = size
        return tensor

    def attention(q: Tensor, k: Tensor, v: Tensor, **_: Any) -> Any:
        return _Attention.apply(q, k, v)

    with (
        torch.autograd.graph.saved_tensors_hooks(note, lambda t: t),
        mock.patch.object(F, 'scaled_dot_product_attention', attention),
    ):
        for module in modules:
            x = module(x)
    return sum(kept.values())


def count(arch: str) -> Counts:
    """Count Mask R-CNN around a backbone."""
    config = Config.fromfile(CONFIG)
    config.model.backbone.update(arch=arch, init_cfg=None)
    channels = UniFormer(arch).out_channels
    config.model.neck.in_channels = list(channels)
    counted = count_complexity(config, SHAPE)
    kept = []
    for with_cp in (False, True):
        config.model.backbone.with_cp = with_cp
        scope = DefaultScope.overwrite_default_scope(config.default_scope)
        with scope, torch.device('meta'):
            backbone = MODELS.build(config.model.backbone)
            neck = MODELS.build(config.model.neck)
            x = torch.empty(1, 3, *SHAPE)
        kept.append(numbers_kept([backbone.train(), neck.train()], x))
    return Counts(counted.params, counted.macs, *kept)


def all_reduce_bytes(params: int, ranks: int) -> float:
    """Bytes that each rank sends for gradients in a ring, full precision."""
    return 2 * (ranks - 1) / ranks * FULL * params


def sharded_bytes(params: int, ranks: int) -> float:
    """The same where parameters are gathered twice, gradients shared out."""
    return 3 * (ranks - 1) / ranks * FULL * params


def efficiency(counts: Counts, machine: Machine, ranks: int) -> float:
    """Share of a linear speed-up, were nothing sent while computing."""
    # Forward, and twice as much backward; two operations a multiply-add.
    operations = 3 * 2 * counts.macs * IMAGES
    computing = operations / (machine.flops * USED)
    rate = machine.inside if ranks <= IN_MACHINE else machine.outside
    return computing / (
        computing + all_reduce_bytes(counts.params, ranks) / rate
    )


def table() -> str:
    """Two tables and what they rest on."""
    counted = {name: count(arch) for name, arch in ARCHS.items()}
    memory = []
    for name, c in counted.items():
        states = c.params * STATES
        free = min(m.memory for m in MACHINES) - states
        memory.append(
            {
                'model': name,
                'params (M)': f'{c.params / 1e6:.0f}',
                'FLOPs (G)': f'{c.macs / 1e9:.0f}',
                'weights, gradients, AdamW (GiB)': f'{states / GIB:.2f}',
                'in shares on 8 (GiB)': f'{states / 8 / GIB:.2f}',
                'kept per image (GiB)': f'{c.kept * HALF / GIB:.2f}',
                '`with_cp` (GiB)': f'{c.kept_recomputed * HALF / GIB:.2f}',
                'images in 80 GB': str(int(free / (c.kept * HALF))),
            }
        )
    traffic = []
    for name, c in counted.items():
        for ranks in (8, 16, 64):
            row = {
                'model': name,
                'GPUs': str(ranks),
                'batch': str(ranks * IMAGES),
                'DDP sends (MB)': (
                    f'{all_reduce_bytes(c.params, ranks) / 1e6:.0f}'
                ),
                'FSDP sends (MB)': (
                    f'{sharded_bytes(c.params, ranks) / 1e6:.0f}'
                ),
            }
            for machine in MACHINES:
                share = efficiency(c, machine, ranks)
                row[f'efficiency, {machine.name}'] = f'{share:.0%}'
            traffic.append(row)
    return '\n\n'.join([markdown_table(memory), markdown_table(traffic)])


if __name__ == '__main__':
    sys.exit(run(ROOT / 'docs/distributed.md', TOOL, table()))
