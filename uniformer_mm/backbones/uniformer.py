"""UniFormer as a dense-task backbone.

Papers: arXiv 2201.09450 (UniFormer), sections 3 and 4.
Official code: github.com/Sense-X/UniFormer at 52a0415 (2024-01-18),
``object_detection/mmdet/models/backbones/uniformer.py``, Apache-2.0. This is a
re-implementation from the published facts; parameter names are the official
ones. What differs: output norms exist for ``out_indices`` alone, the attention
matrix is never stored, maps are kept channels-last, checkpointing leaves batch
norm statistics alone, and input is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    contextmanager,
    nullcontext,
)
from typing import Any

import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS as MMENGINE_MODELS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from uniformer_mm.backbones.arguments import (
    check_attention,
    check_frozen_stages,
    check_images,
    check_rate,
    normalize_out_indices,
    normalize_with_cp,
)
from uniformer_mm.backbones.blocks import AttentionBlock, ConvBlock
from uniformer_mm.backbones.layers import (
    PatchEmbed,
    channel_norm,
    drop_path_rates,
)
from uniformer_mm.backbones.specs import (
    ArchSpec,
    check_head_dim,
    resolve_arch,
)
from uniformer_mm.registry import MODELS

__all__ = ['UniFormer']

STRIDES = (4, 8, 16, 32)
PATCH_SIZES = (4, 2, 2, 2)
HYBRID_PERIOD = 4  # every fourth block of stage 3 stays global
# NOTE: the official bounds are -2 and 2, a hundred deviations; there the
# sampling by the inverse error function now and then gives a weight of 2.
LINEAR_INIT = {
    'type': 'TruncNormal',
    'layer': 'Linear',
    'std': 0.02,
    'a': -0.1,
    'b': 0.1,
}


@MMENGINE_MODELS.register_module()
@MODELS.register_module()
class UniFormer(BaseModule):
    """UniFormer: convolution in stages 1-2, self-attention in stages 3-4.

    Args:
        arch (str | ArchSpec | Mapping): A name in ``ARCHS`` ('small',
            'base'), an ``ArchSpec`` or a mapping of its fields. Defaults to
            'small'.
        in_channels (int): Channels of the input images. Defaults to 3.
        attention (str): How stage 3 attends: 'global', 'window', or 'hybrid'
            (windows, but every fourth block global). Stage 4 is always
            global. The weights are the same for all three; see
            ``set_attention``. Defaults to 'global'.
        window_size (int): Side of the windows in tokens of stage 3 (16 px
            each), for 'window' and 'hybrid'. Defaults to 14.
        head_dim (int | None): Channels per head, if the weights were trained
            with another value than the arch's. It changes no tensor shape, so
            a wrong value is not noticed on loading. Defaults to None: the
            arch's own.
        out_indices (Sequence[int]): Stages to output, 0 to 3 or negative.
            Defaults to (0, 1, 2, 3).
        frozen_stages (int): Number of leading stages, with their output
            norms, that are not trained and stay in eval mode; -1 and 0 freeze
            none. Defaults to -1.
        norm_eval (bool): Keep all batch norms in eval mode. Defaults to
            False, as in the paper.
        with_cp (bool | Sequence[int]): Activation checkpointing: all blocks,
            or that many leading blocks of each stage. Defaults to False.
        drop_rate (float): Dropout after the first patch embedding and in the
            MLPs and projections, in [0, 1). Defaults to 0.
        attn_drop_rate (float): Dropout on the attention weights, in [0, 1).
            Defaults to 0.
        drop_path_rate (float): Stochastic depth of the last block, in [0, 1);
            it rises linearly from 0. Defaults to 0.
        init_cfg (dict | list[dict] | None): MMEngine initialisation. Defaults
            to None: truncated normal of std 0.02 for linear layers, as in the
            paper; torch's own for the others.

    Attributes:
        out_channels (tuple[int]): Channels of each output.
        out_strides (tuple[int]): Input pixels per output pixel.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument breaks its rule; the message names the choices.

    Examples:
        >>> model = UniFormer('small', attention='hybrid')
        >>> [tuple(y.shape) for y in model(torch.rand(1, 3, 64, 96))]
        [(1, 64, 16, 24), (1, 128, 8, 12), (1, 320, 4, 6), (1, 512, 2, 3)]
    """

    def __init__(
        self,
        arch: str | ArchSpec | Mapping[str, Any] = 'small',
        *,
        in_channels: int = 3,
        attention: str = 'global',
        window_size: int = 14,
        head_dim: int | None = None,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool | Sequence[int] = False,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> None:
        spec = resolve_arch(arch)
        if head_dim is None:
            head_dim = spec.head_dim
        check_head_dim(head_dim, spec.embed_dims)
        check_frozen_stages(frozen_stages)
        check_rate('drop_rate', drop_rate)
        check_rate('attn_drop_rate', attn_drop_rate)
        check_rate('drop_path_rate', drop_path_rate)
        if init_cfg is None:
            init_cfg = dict(LINEAR_INIT)
        super().__init__(init_cfg)

        self.in_channels = in_channels
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.num_checkpointed = normalize_with_cp(with_cp, spec.depths)
        self.out_indices = normalize_out_indices(out_indices)
        self.out_channels = tuple(spec.embed_dims[i] for i in self.out_indices)
        self.out_strides = tuple(STRIDES[i] for i in self.out_indices)

        self.pos_drop = nn.Dropout(drop_rate)
        # Stages after the last output would never see a gradient.
        self.num_stages = self.out_indices[-1] + 1
        rates = iter(drop_path_rates(drop_path_rate, spec.depths))
        for i in range(self.num_stages):
            dim = spec.embed_dims[i]
            blocks = nn.ModuleList(
                ConvBlock(dim, spec.mlp_ratio, drop_rate, next(rates))
                if i < 2
                else AttentionBlock(
                    dim,
                    head_dim,
                    spec.mlp_ratio,
                    drop_rate,
                    attn_drop_rate,
                    next(rates),
                )
                for _ in range(spec.depths[i])
            )
            last_dim = spec.embed_dims[i - 1] if i else in_channels
            embed = PatchEmbed(last_dim, dim, PATCH_SIZES[i])
            self.add_module(f'patch_embed{i + 1}', embed)
            self.add_module(f'blocks{i + 1}', blocks)
            if i in self.out_indices:
                self.add_module(f'norm{i + 1}', nn.LayerNorm(dim, eps=1e-6))
        self.set_attention(attention, window_size)
        self._freeze()

    def set_attention(self, attention: str, window_size: int = 14) -> None:
        """Change how stage 3 attends; the weights stay as they are.

        Args:
            attention (str): 'global', 'window' or 'hybrid'.
            window_size (int): Side of the windows in tokens. Defaults to 14.

        Raises:
            TypeError: ``window_size`` is not an int.
            ValueError: Unknown mode or a window below 1.
        """
        check_attention(attention, window_size)
        self.attention = attention
        self.window_size = window_size
        if self.num_stages < 3:
            return
        for i, block in enumerate(self.get_submodule('blocks3')):
            is_global = attention == 'global' or (
                attention == 'hybrid' and (i + 1) % HYBRID_PERIOD == 0
            )
            block.window_size = None if is_global else window_size

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps.

        Args:
            x (Tensor): Normalised images (N, in_channels, H, W), both sides
                at least 32 px.

        Returns:
            tuple[Tensor]: One map per output stage, (N, C_i, H_i, W_i), its
            sides those of the stage before, floored at each patch embedding;
            layer-normalised over the channels.

        Raises:
            TypeError: ``x`` is not a floating-point tensor.
            ValueError: The shape of ``x`` is not as above.
        """
        check_images(x, self.in_channels, min_side=STRIDES[-1])
        # Tokens of a channels-last map are a view of it, not a copy.
        x = x.contiguous(memory_format=torch.channels_last)
        outs = []
        for i in range(self.num_stages):
            x = self.get_submodule(f'patch_embed{i + 1}')(x)
            if i == 0:
                x = self.pos_drop(x)
            blocks = self.get_submodule(f'blocks{i + 1}')
            for j, block in enumerate(blocks):
                if j < self.num_checkpointed[i] and torch.is_grad_enabled():
                    x = _checkpointed(block, x)
                else:
                    x = block(x)
            if i in self.out_indices:
                # The next stage goes on from the map before this norm.
                norm = self.get_submodule(f'norm{i + 1}')
                outs.append(channel_norm(x, norm))
        return tuple(outs)

    def train(self, mode: bool = True) -> UniFormer:
        """Set the mode; frozen stages and ``norm_eval`` are kept."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def _freeze(self) -> None:
        for i in range(min(self.frozen_stages, self.num_stages)):
            for name in ('patch_embed', 'blocks', 'norm'):
                module = getattr(self, f'{name}{i + 1}', None)
                if module is not None:
                    module.eval().requires_grad_(False)


def _checkpointed(block: nn.Module, x: Tensor) -> Tensor:
    """Run ``block`` and keep only its input for the backward pass."""

    def contexts() -> tuple[
        AbstractContextManager[None], AbstractContextManager[None]
    ]:
        return nullcontext(), _keep_statistics(block)

    out: Tensor = checkpoint(
        block, x, use_reentrant=False, context_fn=contexts
    )
    return out


@contextmanager
def _keep_statistics(block: nn.Module) -> Iterator[None]:
    """Let batch norms of ``block`` use a batch without recording it again.

    The recomputation must save the same tensors as the first pass, so the
    statistics stay attached and are updated by nothing.
    """
    norms = [m for m in block.modules() if isinstance(m, nn.BatchNorm2d)]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked = count
