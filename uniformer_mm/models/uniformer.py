"""UniFormer for images and videos.

Papers: arXiv 2201.09450 (images and videos), arXiv 2201.04676 (videos).
Official code: github.com/Sense-X/UniFormer at 52a0415 (2024-01-18),
``object_detection/mmdet/models/backbones/uniformer.py``,
``image_classification/models/uniformer.py`` and
``video_classification/slowfast/models/uniformer.py``, Apache-2.0. This is a
re-implementation from the published facts; parameter names are the official
ones. What differs: output norms exist for ``out_indices`` alone, the attention
matrix is never stored, maps are kept channels-last inside, checkpointing
leaves batch norm statistics alone, and input is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uniformer_mm.models.arguments import check_attention, check_ndim
from uniformer_mm.models.backbone import Backbone
from uniformer_mm.models.blocks import AttentionBlock, SplitAttentionBlock
from uniformer_mm.models.specs import ArchSpec

__all__ = ['UniFormer']

HYBRID_PERIOD = 4  # every fourth block of stage 3 stays global


class UniFormer(Backbone):
    """UniFormer: convolution in stages 1-2, self-attention in stages 3-4.

    From images (N, C, H, W), or with ``ndim=3`` videos (N, C, T, H, W), to
    feature maps of strides 4, 8, 16 and 32, one per stage; ``forward`` has
    their shapes. The published weights of the paper (arXiv 2201.09450) fit
    without a change of names.

    Args:
        arch (str | ArchSpec | Mapping): 'small', 'small_plus' (convolutional
            stem), 'base', 'base_ls' (layer scale in stages 3-4), 'large'
            (layer scale everywhere), an ``ArchSpec`` or a mapping of its
            fields. Defaults to 'small'.
        ndim (int): 2 for images, 3 for videos. Defaults to 2.
        in_channels (int): Channels of the input. Defaults to 3.
        attention (str): How stage 3 attends: 'global', 'window', or 'hybrid'
            (windows, but every fourth block global); videos: 'global' alone,
            over space and time. Stage 4 is always global. The weights are the
            same for all three; see ``set_attention``. Defaults to 'global'.
        window_size (int): Side of the windows in tokens of stage 3 (16 px
            each), for 'window' and 'hybrid'. Defaults to 14.
        head_dim (int | None): Channels per head, if the weights were trained
            with another value than the arch's: the token-labelled 'small',
            'small_plus' and 'base' have 32. It changes no tensor shape, so a
            wrong value is not noticed on loading. Defaults to None: the
            arch's own.
        stem (str | None): 'patch', 'conv' or 'conv_first', see ``ArchSpec``.
            Defaults to None: the arch's own.
        layer_scale (float | Sequence[float] | None): Initial gain of the
            residual branches, for all stages or one per stage; 0 means none.
            Defaults to None: the arch's own.
        split (bool): Videos: attend over time and space one after the other.
            Defaults to False.
        temporal_stride_std (bool): Videos: the patches of stages 2-4 overlap
            in time (the official option STD). Defaults to False.
        out_indices (Sequence[int]): Stages to output, 0 to 3 or negative.
            Defaults to (0, 1, 2, 3).
        out_norm (str | None): 'LN' layer-normalises each output, as dense
            models do; 'BN' batch-normalises the last stage's, as classifiers
            do, with ``out_indices=(3,)``; None gives the maps as they are.
            Defaults to 'LN'.
        as_tuple (bool): Return a tuple of maps. False returns a single map as
            it is, as heads for videos take it. Defaults to True.
        out_channels_last (bool): Leave the maps in the channels-last memory
            that they are computed in, which saves a copy of each. Not for
            heads that call ``view``, nor for operations that read memory as
            (N, C, H, W) without a look at strides. Defaults to False:
            contiguous maps.
        frozen_stages (int): Number of leading stages, with their output
            norms and dropout, that are not trained and stay in eval mode; -1
            and 0 freeze none. Defaults to -1.
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
        attn_fp32 (bool): Compute attention, with its projections, in float32
            where the rest is in half precision (autocast, as of
            ``AmpOptimWrapper``): for trainings whose activations overflow
            float16. Takes more time and memory. Defaults to False.

    Attributes:
        spec (ArchSpec): The variant, with what was overridden.
        attention (str): How stage 3 attends now.
        out_channels (tuple[int]): Channels of each output.
        out_strides (tuple[int]): Input pixels per output pixel.
        deployed (bool): Whether this is the form for inference alone.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument breaks its rule; the message names the choices.

    Examples:
        >>> model = UniFormer('small', attention='hybrid')
        >>> [tuple(y.shape) for y in model(torch.rand(1, 3, 64, 96))]
        [(1, 64, 16, 24), (1, 128, 8, 12), (1, 320, 4, 6), (1, 512, 2, 3)]
        >>> video = UniFormer('small', ndim=3, out_indices=(3,))
        >>> [tuple(y.shape) for y in video(torch.rand(1, 3, 8, 64, 96))]
        [(1, 512, 4, 2, 3)]
    """

    def __init__(
        self,
        arch: str | ArchSpec | Mapping[str, Any] = 'small',
        *,
        ndim: int = 2,
        attention: str = 'global',
        window_size: int = 14,
        split: bool = False,
        **backbone: Any,
    ) -> None:
        check_ndim(ndim, split=split)
        self.split = split
        super().__init__(arch, ndim=ndim, **backbone)
        self.window_size = window_size
        self.set_attention(attention)
        self.train()

    def attention_block_type(self, i: int, j: int) -> type[AttentionBlock]:
        """Return the class of block ``j`` of stage ``i``; all are alike."""
        return SplitAttentionBlock if self.split else AttentionBlock

    def set_attention(
        self, attention: str, window_size: int | None = None
    ) -> None:
        """Change how stage 3 attends; the weights stay as they are.

        Blocks change one after the other: not while another thread computes.

        Args:
            attention (str): 'global', 'window' or 'hybrid'.
            window_size (int | None): Side of the windows in tokens. Defaults
                to None: as it was.

        Raises:
            TypeError: ``window_size`` is not an int.
            ValueError: Unknown mode, a window below 1, or windows of videos.
        """
        if window_size is None:
            window_size = self.window_size
        check_attention(attention, window_size, self.ndim)
        self.attention = attention
        self.window_size = window_size
        if self.num_stages < 3:
            return
        block: Any
        for i, block in enumerate(self.get_submodule('blocks3').children()):
            is_global = attention == 'global' or (
                attention == 'hybrid' and (i + 1) % HYBRID_PERIOD == 0
            )
            block.window_size = None if is_global else window_size
