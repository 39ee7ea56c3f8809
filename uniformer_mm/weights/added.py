"""What tools put into layers, told from the keys of their weights."""

from __future__ import annotations

import re
from collections.abc import Iterable

from uniformer_mm.weights.reading import shown

__all__ = ['check_nothing_is_added']

# What a key has in it, who adds that, and what takes it out of a model.
# Spectral norm, which has a weight_v too, stands before weight norm.
ADDED = (
    (
        r'\.base_layer\.|\.(lora|hada|lokr|oft)_',
        'adapters',
        'merge_and_unload()',
    ),
    (
        r'(^|\.)parametrizations\.',
        'parametrizations',
        'torch.nn.utils.parametrize.remove_parametrizations',
    ),
    (r'weight_u$', 'spectral norm', 'torch.nn.utils.remove_spectral_norm'),
    (r'weight_[gv]$', 'weight norm', 'torch.nn.utils.remove_weight_norm'),
    (r'_mask$', 'pruning masks', 'torch.nn.utils.prune.remove'),
)


def check_nothing_is_added(keys: Iterable[str]) -> None:
    """Refuse weights that a tool holds in another way than layers of torch.

    Args:
        keys: Of a backbone.

    Raises:
        ValueError: With the name of the tool, and the way out.
    """
    names = list(keys)
    for pattern, what, way in ADDED:
        found = next((key for key in names if re.search(pattern, key)), None)
        if found is not None:
            raise ValueError(
                f'weights of a model with {what} in it, such as '
                f'{shown(found)}; in the model that was saved, take that out '
                f'({way}), and save its state dict again'
            )
