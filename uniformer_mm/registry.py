"""Registries of the suite, children of MMEngine's root registries.

``type='uniformer_mm.NAME'`` is found from any host's scope: MMEngine imports
this module by its scope, and ``locations`` on the first look-up.
"""

from __future__ import annotations

from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import (
    OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
)
from mmengine.registry import RUNNERS as MMENGINE_RUNNERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import (
    WEIGHT_INITIALIZERS as MMENGINE_WEIGHT_INITIALIZERS,
)
from mmengine.registry import Registry

__all__ = [
    'HOOKS',
    'MODELS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'RUNNERS',
    'TRANSFORMS',
    'WEIGHT_INITIALIZERS',
]

MODELS = Registry(
    'model',
    parent=MMENGINE_MODELS,
    scope='uniformer_mm',
    locations=[
        'uniformer_mm.backbones',
        'uniformer_mm.necks',
        'uniformer_mm.transforms',
    ],
)
TRANSFORMS = Registry(
    'transform',
    parent=MMENGINE_TRANSFORMS,
    scope='uniformer_mm',
    locations=['uniformer_mm.transforms'],
)
HOOKS = Registry(
    'hook',
    parent=MMENGINE_HOOKS,
    scope='uniformer_mm',
    locations=['uniformer_mm.engine'],
)
RUNNERS = Registry(
    'runner',
    parent=MMENGINE_RUNNERS,
    scope='uniformer_mm',
    locations=['uniformer_mm.engine'],
)
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    parent=MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
    scope='uniformer_mm',
    locations=['uniformer_mm.engine'],
)
WEIGHT_INITIALIZERS = Registry(
    'weight initializer',
    parent=MMENGINE_WEIGHT_INITIALIZERS,
    scope='uniformer_mm',
    locations=['uniformer_mm.weights.load'],
)
