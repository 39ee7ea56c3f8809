"""Registries of the suite, children of MMEngine's root registries.

``type='uniformer_mm.NAME'`` is found from any host's scope: MMEngine imports
this module by its scope, and ``locations`` on the first look-up.
"""

from __future__ import annotations

from mmengine import registry
from mmengine.registry import Registry

__all__ = [
    'HOOKS',
    'MODELS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'RUNNERS',
    'STRATEGIES',
    'TRANSFORMS',
    'WEIGHT_INITIALIZERS',
]


def _child(parent: Registry, *modules: str) -> Registry:
    """Return a registry below ``parent``, filled by modules of ours."""
    return Registry(
        parent.name,
        parent=parent,
        scope='uniformer_mm',
        locations=[f'uniformer_mm.{module}' for module in modules],
    )


MODELS = _child(registry.MODELS, 'backbones', 'heads', 'necks', 'transforms')
TRANSFORMS = _child(registry.TRANSFORMS, 'transforms')
HOOKS = _child(registry.HOOKS, 'engine')
RUNNERS = _child(registry.RUNNERS, 'engine')
STRATEGIES = _child(registry.STRATEGIES, 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    registry.OPTIM_WRAPPER_CONSTRUCTORS, 'engine'
)
WEIGHT_INITIALIZERS = _child(
    registry.WEIGHT_INITIALIZERS, 'weights.heads', 'weights.initializer'
)
