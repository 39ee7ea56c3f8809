"""What both backbone classes share: stages, outputs, freezing, recomputing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from uniformer_mm.checks import check_bool, check_count, check_int, check_rate
from uniformer_mm.fast.path import in_weights_dtype, wanted_of
from uniformer_mm.models.arguments import (
    check_input,
    check_ndim,
    check_outputs,
    normalize_out_indices,
    normalize_with_cp,
)
from uniformer_mm.models.attention import Attention
from uniformer_mm.models.blocks import AttentionBlock, SplitAttentionBlock
from uniformer_mm.models.form import TwoForms
from uniformer_mm.models.initialization import init_linear, reset_layers
from uniformer_mm.models.layers import (
    BATCH_NORMS,
    channel_norm,
    channels_last,
    contiguous,
)
from uniformer_mm.models.recompute import run_checkpointed
from uniformer_mm.models.specs import ArchSpec, resolve_arch
from uniformer_mm.models.stages import (
    STRIDES,
    depth_of,
    make_blocks,
    make_embed,
)

__all__ = ['Backbone']

# torch.fx can't follow a check: to it, that is one step.
torch.fx.wrap('check_input')


class Backbone(TwoForms):
    """Four stages, each a patch embedding and blocks.

    A subclass chooses the blocks of stages 3 and 4
    (``attention_block_type``) and may run them in its own way
    (``run_stage``). For the arguments see ``UniFormer``.

    Attributes:
        light (bool): Whether it is the light kind, with a class token.
        split (bool): Whether videos attend over time and space apart.
    """

    light = False
    split = False

    def __init__(
        self,
        arch: str | ArchSpec | Mapping[str, Any],
        *,
        ndim: int = 2,
        in_channels: int = 3,
        head_dim: int | None = None,
        stem: str | None = None,
        layer_scale: float | Sequence[float] | None = None,
        temporal_stride_std: bool = False,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        out_norm: str | None = 'LN',
        as_tuple: bool = True,
        out_channels_last: bool = False,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool | Sequence[int] = False,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        attn_fp32: bool = False,
    ) -> None:
        check_ndim(ndim, temporal_stride_std=temporal_stride_std)
        spec = resolve_arch(
            arch,
            light=self.light,
            head_dim=head_dim,
            stem=stem,
            layer_scale=layer_scale,
        )
        check_count('in_channels', in_channels)
        check_bool('norm_eval', norm_eval)
        check_bool('as_tuple', as_tuple)
        check_bool('attn_fp32', attn_fp32)
        check_bool('out_channels_last', out_channels_last)
        check_int('frozen_stages', frozen_stages, -1, 4)
        check_rate('drop_rate', drop_rate)
        check_rate('attn_drop_rate', attn_drop_rate)
        check_rate('drop_path_rate', drop_path_rate)
        if temporal_stride_std and spec.stem == 'conv':
            raise ValueError(
                'temporal_stride_std=True is about patches, got stem='
                f'{spec.stem!r}'
            )
        super().__init__()

        self.spec = spec
        self.ndim = ndim
        self.in_channels = in_channels
        self.temporal_stride_std = temporal_stride_std
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.num_checkpointed = normalize_with_cp(with_cp, spec.depths)
        self.out_indices = normalize_out_indices(out_indices)
        check_outputs(out_norm, as_tuple, self.out_indices)
        self.out_norm = out_norm
        self.as_tuple = as_tuple
        self.out_channels_last = out_channels_last
        self.out_channels = tuple(spec.embed_dims[i] for i in self.out_indices)
        self.out_strides = tuple(STRIDES[i] for i in self.out_indices)
        # Stages after the last output would never see a gradient.
        self.num_stages = self.out_indices[-1] + 1

        self.pos_drop = nn.Dropout(drop_rate)
        for i in range(self.num_stages):
            dim = spec.embed_dims[i]
            last_dim = spec.embed_dims[i - 1] if i else in_channels
            embed = make_embed(spec, ndim, i, last_dim, temporal_stride_std)
            blocks = make_blocks(
                spec,
                ndim,
                i,
                self.attention_block_type,
                drop_rate=drop_rate,
                attn_drop_rate=attn_drop_rate,
                drop_path_rate=drop_path_rate,
            )
            self.add_module(f'patch_embed{i + 1}', embed)
            self.add_module(f'blocks{i + 1}', blocks)
            if out_norm == 'LN' and i in self.out_indices:
                self.add_module(f'norm{i + 1}', nn.LayerNorm(dim, eps=1e-6))
        for module in self.modules():
            if isinstance(module, Attention):
                module.fp32 = attn_fp32
        if out_norm == 'BN':
            self.norm = BATCH_NORMS[ndim](spec.embed_dims[-1])

    def attention_block_type(self, i: int, j: int) -> type[AttentionBlock]:
        """Return the class of block ``j`` of stage ``i``, 2 or 3."""
        raise NotImplementedError

    def run_stage(self, i: int, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Run the blocks of stage ``i``; pass ``state`` along.

        (N, C, [T,] H, W) -> same.
        """
        for j, block in enumerate(getattr(self, f'blocks{i + 1}')):
            x = self.run_block((i, j), block, x)
        return x, state

    def run_block(
        self, place: tuple[int, int], block: nn.Module, *args: Any
    ) -> Any:
        """Run the block at (stage, index), checkpointed if it is to be."""
        stage, index = place
        if index < self.num_checkpointed[stage] and torch.is_grad_enabled():
            return run_checkpointed(block, *args)
        return block(*args)

    def forward(self, x: Tensor) -> tuple[Tensor, ...] | Tensor:
        """Compute the feature maps.

        Args:
            x (Tensor): Normalised images (N, in_channels, H, W) or videos
                (N, in_channels, T, H, W), sides at least 32 px, T at least 2.

        Returns:
            tuple[Tensor]: One map per output stage, (N, C_i, H_i, W_i) or
            (N, C_i, T', H_i, W_i), normalised as ``out_norm`` says. The
            sides are those of the stage before over its stride, rounded down
            by patches and up by convolutions; T' = ceil(T / 2). Contiguous,
            or with ``out_channels_last`` in channels-last memory. With
            ``as_tuple=False`` the one map itself.

        Raises:
            TypeError: ``x`` is not a floating-point tensor, or not of the
                weights' dtype (but under autocast).
            ValueError: The shape of ``x`` is not as above, or it is not on
                the weights' device.
        """
        outs, _ = self.forward_features(x)
        return self.arrange(outs)

    @in_weights_dtype
    def forward_features(self, x: Tensor) -> tuple[tuple[Tensor, ...], Any]:
        """Compute the maps, in channels-last memory, and the last state.

        Returns:
            tuple: The maps, and what the blocks passed along (see
            ``UniFormerLight``; None in ``UniFormer``).
        """
        wanted = wanted_of(self.patch_embed1, x)
        check_input(x, self.ndim, self.in_channels, STRIDES[-1], *wanted)
        # Tokens of a channels-last map are a view of it, not a copy.
        x = channels_last(x)
        outs = []
        state = None
        for i in range(self.num_stages):
            x = getattr(self, f'patch_embed{i + 1}')(x)
            if i == 0:
                x = self.pos_drop(x)
            x, state = self.run_stage(i, x, state)
            if i in self.out_indices:
                # The next stage goes on from the map before this norm.
                outs.append(self.normalize(i, x))
        return tuple(outs), state

    def arrange(self, outs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | Tensor:
        """Return the maps in the memory and the container asked for.

        NOTE: some operations, RoIAligns among them, read memory as
        (N, C, H, W) whatever the strides, and heads call ``view``.
        """
        if not self.out_channels_last:
            outs = tuple(contiguous(out) for out in outs)
        return outs if self.as_tuple else outs[0]

    def normalize(self, i: int, x: Tensor) -> Tensor:
        """Apply the output norm of stage ``i``; (N, C, [T,] H, W) -> same."""
        if self.out_norm == 'LN':
            return channel_norm(x, getattr(self, f'norm{i + 1}'))
        return self.norm(x) if self.out_norm == 'BN' else x

    def init_weights(self) -> None:
        """Start anew, as in the paper: nothing of the old values is left.

        Linear layers get a truncated normal of std 0.02 and no bias, all else
        what it has after construction.
        """
        self.reset_parameters()
        init_linear(self)
        self.reset_time_attention()

    def reset_parameters(self) -> None:
        """Give everything the values that it has after construction.

        As after ``to_empty``, which leaves what memory happened to hold.
        """
        reset_layers(self)

    def reset_time_attention(self) -> None:
        """Let split attention over time start as no change."""
        for module in self.modules():
            if isinstance(module, SplitAttentionBlock):
                module.reset_parameters()

    def train(self, mode: bool = True) -> Backbone:
        """Set the mode; frozen stages and ``norm_eval`` are kept."""
        super().train(mode)
        for i in range(min(self.frozen_stages, self.num_stages)):
            for name in self.stage_parts(i):
                part = getattr(self, name, None)
                if part is not None:
                    part.requires_grad_(False)
                if isinstance(part, nn.Module):
                    part.eval()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def stage_parts(self, i: int) -> tuple[str, ...]:
        """Return the names of what stage ``i`` may have."""
        parts = (f'patch_embed{i + 1}', f'blocks{i + 1}', f'norm{i + 1}')
        return (*parts, 'pos_drop') if i == 0 else parts

    def get_layer_depth(
        self, param_name: str, prefix: str = ''
    ) -> tuple[int, int]:
        """Return the depth of a parameter, for layer-wise decay.

        The first patch embedding has depth 0, each block one more than the
        block before, a later embedding that of the block after it. Output
        norms, which no pre-training has, and what is not of this module have
        the largest depth.

        Args:
            param_name (str): Name of the parameter in the whole model.
            prefix (str): What the names of this module begin with in the
                whole model, such as 'backbone.'. Defaults to ''.

        Returns:
            tuple[int, int]: Depth, from 0, and the number of depths.
        """
        num_depths = sum(self.spec.depths) + 2
        depth = None
        if param_name.startswith(prefix):
            depth = depth_of(param_name[len(prefix) :], self.spec.depths)
        return num_depths - 1 if depth is None else depth, num_depths
