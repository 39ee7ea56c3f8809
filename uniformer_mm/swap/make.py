"""Take a backbone out of a config, put ours in, and see that all fits."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine import Config

from uniformer_mm.swap import classifier, heads, maps, settings
from uniformer_mm.swap.backbone import (
    makes_pyramid,
    our_backbone,
    their_maps,
)
from uniformer_mm.swap.channels import with_channels
from uniformer_mm.swap.stock import find_stock, owner_of_backbone
from uniformer_mm.swap.text import config_text

__all__ = ['Swap', 'make_swap', 'swap_backbone']

CHOSEN = ('as_tuple', 'in_channels', 'ndim', 'out_indices', 'type')


@dataclass
class Swap:
    """A config with our backbone.

    Attributes:
        config (Config): The whole of it.
        base (str): What it was; '' if that was made in memory.
        host (str): Which host builds it.
        notes (list[str]): What the user should know, a sentence each.
    """

    config: Config
    base: str
    host: str
    notes: list[str] = field(default_factory=list)

    def text(self, title: str = '') -> str:
        """A config file: what differs over ``_base_``, or all of it.

        Args:
            title: What its first comment says. Defaults to ''.
        """
        comments = [title or f'Our backbone in {self.base}', *self.notes]
        return config_text(self.config, self.base, comments)


def swap_backbone(cfg: Any, **backbone: Any) -> Config:
    """Put our backbone into the config of a host's model.

    The channels of necks and heads are set, weights of other backbones are
    removed, ours and their pixel statistics are set, and the parts are built
    and run on empty tensors, so that what comes back runs. What should be
    known of it (other strides, optimizers of other backbones) is warned of.

    Args:
        cfg (Config | str | PathLike): A config, the path of one, or a name
            such as ``mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py``. It stays
            as it is.
        **backbone (Any): Arguments of ``UniFormer`` or ``UniFormerLight``,
            which ``arch`` decides. Defaults to arch 'small', its ImageNet
            weights, and ``attention`` and ``drop_path_rate`` by host.

    Returns:
        Config: The swapped one.

    Raises:
        FileNotFoundError: There is no such config.
        ImportError: The host is not installed.
        TiedBackboneError: A ValueError; the model can't have another backbone.
        TypeError: An argument that the model decides, or unknown ones.
        ValueError: A part does not fit; the message names it.

    Examples:
        >>> cfg = swap_backbone('mmdet::yolox/yolox_s_8xb8-300e_coco.py')
        >>> cfg.model.neck.in_channels
        [128, 320, 512]
    """
    swap = make_swap(cfg, **backbone)
    for note in swap.notes:
        warnings.warn(note, stacklevel=2)
    return swap.config


def make_swap(cfg: Any, **backbone: Any) -> Swap:
    """Do ``swap_backbone``, and keep the notes and how to write it.

    Raises:
        FileNotFoundError, ImportError, TypeError, ValueError: As there.
    """
    chosen = sorted(set(CHOSEN) & set(backbone))
    if chosen:
        raise TypeError(f'the model of the config decides {chosen}')
    stock = find_stock(cfg)
    is_classifier = stock.host == 'mmpretrain'
    if is_classifier:
        classifier.check_classifier(stock.config.model)
    owner, notes = owner_of_backbone(stock.config.model)
    theirs = owner['backbone']
    image = settings.empty_input(stock, theirs)
    old, told = their_maps(stock, owner, image)
    notes += told
    neck = owner.get('neck')
    if makes_pyramid(neck, old, image):
        notes.append(f'without {neck["type"]}: our maps are a pyramid')
        old = maps.run(stock.host, neck, old)
        owner['neck'] = None
    owner['backbone'], told = our_backbone(
        stock, owner, old, image, dict(backbone)
    )
    notes += told
    new = maps.run(stock.host, owner['backbone'], image)
    leaves = [t.detach().requires_grad_() for t in maps.tensors(new)]
    new = leaves[0] if isinstance(new, torch.Tensor) else tuple(leaves)
    if is_classifier:
        old, ends, told = classifier.pool(stock, owner, leaves[0])
        notes += told
    else:
        old, ends = _through_neck(stock.host, owner, old, new)
    outs, told = heads.fit(stock, owner, image, old, ends)
    notes += told
    notes += settings.fit(stock, owner)
    if _leaves_maps_unused(leaves, outs):
        settings.allow_unused(stock.config)
        notes.append(
            'find_unused_parameters=True: the model leaves a map unused, so '
            'that the norm of that output gets no gradient'
        )
    notes += heads.check_whole(stock, owner, theirs)
    return Swap(stock.config, stock.base, stock.host, notes)


def _through_neck(
    host: str, owner: Any, old: Any, new: Any
) -> tuple[Any, Any]:
    """Set the channels of the neck, or necks; return what they give."""
    neck = owner.get('neck')
    necks: list[Any] = neck if isinstance(neck, list) else [neck]
    fitted = []
    for neck in filter(None, necks):
        changed = with_channels(neck, maps.channels(old), maps.channels(new))
        where = f'neck {neck["type"]}'
        try:
            old = heads.unpacked(host, maps.run(host, neck, old))
        except Exception as error:
            raise ValueError(
                f'{where} could not be run here, with its own backbone '
                f'neither: {maps.failure(error)}'
            ) from error
        try:
            new_out = heads.unpacked(host, maps.run(host, changed, new))
        except Exception as error:
            raise ValueError(
                f'{where} does not take our maps ({maps.describe(new)}): '
                f'{maps.failure(error)}'
            ) from error
        new = new_out
        fitted.append(changed)
    if fitted:
        owner['neck'] = fitted if owner['neck'] is necks else fitted[0]
    return old, new


def _leaves_maps_unused(leaves: list[torch.Tensor], outs: Any) -> bool:
    """Whether no output depends on one of our maps."""
    sums = [t.float().sum() for t in maps.tensors(outs) if t.requires_grad]
    if not sums:
        return True
    total = torch.stack(sums).sum()
    grads = torch.autograd.grad(total, leaves, allow_unused=True)
    return any(grad is None for grad in grads)
