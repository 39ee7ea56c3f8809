"""Segmentors: UniFormer with the head of UperNet or of Semantic FPN."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from uniformer_mm.checks import check_choice, check_count, check_ints
from uniformer_mm.hub_model import HubModel
from uniformer_mm.models import ArchSpec, UniFormer, UniFormerLight
from uniformer_mm.models.specs import is_light
from uniformer_mm.portable.classes import (
    best_classes,
    class_colours,
    class_names,
)
from uniformer_mm.portable.heads import FPN, FPNHead, UPerHead, enlarge
from uniformer_mm.portable.pictures import Array, as_rgb, rescaled
from uniformer_mm.portable.resample import resize

__all__ = ['CHANNEL_ORDERS', 'HEADS', 'Segmentor']

HEADS = ('upernet', 'fpn')
CHANNEL_ORDERS = ('rgb', 'swapped')
# Of the pixels of ImageNet, 0-255, R, G, B: what all were trained with.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


class Segmentor(HubModel, nn.Module):
    """A segmentor in plain torch, with mmseg's names of parameters.

    Args:
        arch (str | ArchSpec | Mapping): As ``UniFormer`` or, for a light one,
            ``UniFormerLight`` takes it. Defaults to 'small'.
        head (str): 'upernet', or 'fpn' for Semantic FPN, whose pictures are
            resized up to multiples of 32. Defaults to 'upernet'.
        num_classes (int): Classes. Defaults to 150.
        channels (int | None): Channels inside the head. Defaults to None: 512
            of UperNet, 128 of Semantic FPN.
        neck_channels (int): Channels of the pyramid before the head of
            Semantic FPN. Defaults to 256.
        names (Sequence[str] | None): Of the classes. Defaults to None: those
            of ADE20K if there are 150, else their numbers.
        palette (Sequence | None): Their colours, (num_classes, 3), 0-255,
            R, G, B. Defaults to None: ADE20K's if there are 150.
        scale (Sequence[int]): Longest longer and shorter side at which
            ``predict`` shows a picture to the network. Defaults to
            (2048, 512).
        channel_order (str): 'rgb', as the weights were trained, or 'swapped',
            red for blue, as the annotators of ControlNet show pictures to
            the network. Defaults to 'rgb'.
        **backbone (Any): Further arguments of the backbone, such as
            ``attention``, ``window_size`` and ``head_dim``.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument breaks its rule; the message names the choices.

    Examples:
        >>> segmentor = Segmentor.from_pretrained(
        ...     'upernet_uniformer-s_160k_ade20k_controlnet')
        >>> label_map = segmentor.predict(PIL.Image.open('street.jpg'))
        >>> segmentor.names[label_map[0, 0]]
        'sky'
    """

    def __init__(
        self,
        arch: str | ArchSpec | Mapping[str, Any] = 'small',
        head: str = 'upernet',
        *,
        num_classes: int = 150,
        channels: int | None = None,
        neck_channels: int = 256,
        names: Sequence[str] | None = None,
        palette: Sequence[Sequence[int]] | Array | None = None,
        scale: Sequence[int] = (2048, 512),
        channel_order: str = 'rgb',
        **backbone: Any,
    ) -> None:
        check_choice('head', head, HEADS)
        check_choice('channel_order', channel_order, CHANNEL_ORDERS)
        check_count('num_classes', num_classes)
        rule = 'two ints, the longer and the shorter side'
        check_ints('scale', scale, rule)
        if len(scale) != 2 or min(scale) < 32:
            raise ValueError(f'scale must be {rule}, >= 32, got {scale}')
        super().__init__()
        kind: Any = UniFormerLight if is_light(arch) else UniFormer
        self.backbone = kind(arch, **backbone)
        dims = self.backbone.out_channels
        if head == 'upernet':
            self.decode_head: nn.Module = UPerHead(
                dims, channels or 512, num_classes
            )
        else:
            self.neck = FPN(dims, neck_channels)
            self.decode_head = FPNHead(
                neck_channels, channels or 128, num_classes, len(dims)
            )
        self.head = head
        self.num_classes = num_classes
        self.names = class_names(names, num_classes)
        self.palette = class_colours(palette, num_classes)
        self.scale = (max(scale), min(scale))
        self.channel_order = channel_order

    @classmethod
    def from_pretrained(
        cls, source: str | os.PathLike[str], **options: Any
    ) -> Segmentor:
        """Build the segmentor that a weight file holds, and load it strictly.

        See ``portable.loading.load_segmentor`` for options and errors.
        """
        # It builds segmentors, so it knows this module.
        from uniformer_mm.portable.loading import load_segmentor

        return load_segmentor(source, segmentor_type=cls, **options)

    def forward(self, x: Tensor) -> Tensor:
        """Compute class logits.

        Args:
            x (Tensor): Normalised pictures (N, 3, H, W), sides at least
                32 px.

        Returns:
            Tensor: (N, num_classes, H, W).
        """
        maps = self.backbone(x)
        if self.head == 'fpn':
            maps = self.neck(maps)
        return enlarge(self.decode_head(maps), x)

    @torch.no_grad()
    def predict(self, picture: Any) -> Array:
        """Tell the class of each pixel.

        Args:
            picture (PIL.Image.Image | np.ndarray): As in
                ``portable.pictures.as_rgb``; EXIF is not looked at.

        Returns:
            np.ndarray: (H, W), int64, class ids, in the size of ``picture``.

        Raises:
            RuntimeError: The segmentor is in training mode.
            TypeError: ``picture`` is no picture.
            ValueError: It has no pixel, or its sides differ so much that the
                network would see less than 32 px of one.
        """
        if self.training:
            raise RuntimeError(
                'predict needs the segmentor in eval mode: call eval() first'
            )
        picture = as_rgb(picture)
        logits = self(self.prepare(picture))
        label_map = best_classes(logits, picture.shape[:2])
        return label_map.cpu().numpy()

    def prepare(self, picture: Array) -> Tensor:
        """Resize and normalise a picture as the test pipeline of mmseg does.

        Args:
            picture (np.ndarray): (H, W, 3), uint8, RGB.

        Returns:
            Tensor: (1, 3, h, w), where the network is.

        Raises:
            ValueError: A side would have less than 32 px.
        """
        rows, columns = picture.shape[:2]
        height, width = rescaled(rows, columns, self.scale)
        if min(height, width) < 32:
            raise ValueError(
                'a picture must have 32 px or more on each side within '
                f'{self.scale[0]} x {self.scale[1]}, got {rows} x {columns}, '
                f'which becomes {height} x {width}'
            )
        picture = resize(picture, height, width, 'INTER_LINEAR')
        if self.head == 'fpn':
            height, width = (-(-side // 32) * 32 for side in (height, width))
            picture = resize(picture, height, width, 'INTER_LINEAR')
        if self.channel_order == 'swapped':
            picture = picture[:, :, ::-1].copy()
        weight = self.decode_head.get_parameter('conv_seg.weight')
        x = torch.from_numpy(picture).to(weight.device)
        x = x.permute(2, 0, 1)[None].float().contiguous()
        mean, std = (x.new_tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
        return ((x - mean) / std).to(weight.dtype)

    def paint(self, label_map: Array) -> Array:
        """Colour a map of classes.

        Args:
            label_map (np.ndarray): (H, W), class ids.

        Returns:
            np.ndarray: (H, W, 3), uint8, RGB.

        Raises:
            ValueError: There is no palette.
        """
        if self.palette is None:
            raise ValueError(
                f'there are no colours of {self.num_classes} classes: give '
                'palette=, (num_classes, 3), 0-255'
            )
        return self.palette[label_map]
