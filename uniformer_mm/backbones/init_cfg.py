"""Initialisation by MMEngine's ``init_cfg``, for modules of plain torch."""

from __future__ import annotations

import copy
from typing import Any

__all__ = ['InitCfg', 'loads_weights', 'resolve_init_cfg']

# As ``models.initialization.init_linear``.
LINEAR_INIT = {
    'type': 'TruncNormal',
    'layer': 'Linear',
    'std': 0.02,
    'a': -0.1,
    'b': 0.1,
}
InitCfg = dict[str, Any] | list[dict[str, Any]] | None


def resolve_init_cfg(init_cfg: InitCfg) -> InitCfg:
    """Return a copy with what loads weights at its end; None: the paper's.

    MMEngine runs a list in order, and loaded weights are to stay.
    """
    if init_cfg is None:
        return dict(LINEAR_INIT)
    if isinstance(init_cfg, list):
        init_cfg = sorted(init_cfg, key=loads_weights)
    return copy.deepcopy(init_cfg)


def loads_weights(init_cfg: Any) -> bool:
    """Whether an ``init_cfg`` loads a file."""
    steps = init_cfg if isinstance(init_cfg, list) else [init_cfg or {}]
    return any('Pretrained' in str(step.get('type')) for step in steps)
