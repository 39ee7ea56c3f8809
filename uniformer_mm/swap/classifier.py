"""Classifiers of mmpretrain: our last map, pooled, under their head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, empty

from uniformer_mm.swap import maps
from uniformer_mm.swap.stock import Stock, TiedBackboneError

__all__ = ['check_classifier', 'pool']

POOL = {'type': 'GlobalAveragePooling'}
# Necks that take any map and keep its channels.
POOLS = ('GlobalAveragePooling', 'GeneralizedMeanPooling')


def check_classifier(model: Any) -> None:
    """See that a model classifies by a head over its backbone.

    Raises:
        TiedBackboneError: It does something else, or classifies in its
            backbone.
    """
    kind, head = model.get('type'), model.get('head') or {}
    channels = head.get('in_channels')
    if kind != 'ImageClassifier':
        raise TiedBackboneError(
            f'{kind} is tied: of mmpretrain only an ImageClassifier is '
            'swapped; others mask, pair or decode what their own backbone '
            'gives'
        )
    if channels is None:
        raise TiedBackboneError(
            f'head {head.get("type")} has no in_channels: its backbone gives '
            'the scores of the classes'
        )
    if not isinstance(channels, int):
        raise TiedBackboneError(
            f'head {head["type"]} takes vectors of {channels} channels, ours '
            'is one'
        )


def pool(
    stock: Stock, owner: Any, last: Tensor
) -> tuple[Tensor, Any, list[str]]:
    """Set a neck that pools our map, where theirs pools no map.

    Args:
        stock: The classifier.
        owner: Its model; changed.
        last: Our last map.

    Returns:
        tuple: What the head got and gets, (1, C) each; and notes.
    """
    neck, notes = owner.get('neck'), []
    if not (
        isinstance(neck, dict)
        and neck['type'] in POOLS
        and neck.get('dim', 2) == 2  # of dim 1 it pools tokens
    ):
        notes.append(
            f'our map is pooled by {POOL["type"]}; the neck was '
            f'{neck and [*_types(neck)]}'
        )
        owner['neck'] = neck = dict(POOL)
    old = empty(1, owner['head']['in_channels'], device='meta')
    return old, maps.run(stock.host, neck, (last,)), notes


def _types(neck: Any) -> Iterator[str]:
    for part in neck if isinstance(neck, list) else [neck]:
        yield part['type']
