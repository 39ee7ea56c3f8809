"""What the recipe tests of all tasks share.

``tests/recipes/TASK.yml`` holds the published recipes: ``common`` settings and
one row per experiment. Here a config is resolved, built and sampled, so that
a test can put it beside its row.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from mmengine import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, PARAM_SCHEDULERS, DefaultScope
from torch import nn

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'


def recipe(task: str) -> dict[str, Any]:
    """The published recipe of a task: 'common' and 'experiments'."""
    return yaml.safe_load((ROOT / f'tests/recipes/{task}.yml').read_text())


def experiments(task: str) -> list[dict[str, Any]]:
    """Rows of the recipe, over the settings of their method and of all."""
    data = recipe(task)
    methods = data.get('methods', {})
    return [
        {**data['common'], **methods.get(row.get('method'), {}), **row}
        for row in data['experiments']
    ]


def config_names(task: str) -> list[str]:
    """All configs on disk, without their endings."""
    return sorted(path.stem for path in (CONFIGS / task).glob('*.py'))


@functools.cache
def _read(path: Path) -> Config:
    return Config.fromfile(path)


def load_config(task: str, name: str) -> Config:
    """The resolved config; a copy, free to change."""
    return copy.deepcopy(_read(CONFIGS / task / f'{name}.py'))


def build(config: Config) -> nn.Module:
    """The model, without memory for its parameters."""
    scope = DefaultScope.overwrite_default_scope(config.default_scope)
    with scope, torch.device('meta'):
        return MODELS.build(copy.deepcopy(config.model))


def parameter_groups(
    config: Config, model: nn.Module
) -> dict[str, tuple[float, float]]:
    """Name of each trained parameter -> its learning rate and weight decay."""
    wrapper = copy.deepcopy(config.optim_wrapper)
    # What mixed precision changes is not the groups, and needs a GPU.
    for key in ('type', 'loss_scale', 'dtype'):
        wrapper.pop(key, None)
    scope = DefaultScope.overwrite_default_scope(config.default_scope)
    with scope:
        optimizer = build_optim_wrapper(model, wrapper).optimizer
    names = {id(p): name for name, p in model.named_parameters()}
    return {
        names[id(parameter)]: (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for parameter in group['params']
    }


def learning_rates(
    config: Config, iterations: Iterable[int], epoch_length: int
) -> dict[int, float]:
    """Learning rate that each of the iterations, from 0, trains with.

    Args:
        config: Its ``param_scheduler`` and the optimizer's ``lr`` are used.
        iterations: Where to look.
        epoch_length: Iterations per epoch; tests may take short epochs.
    """
    curve = _curve(
        json.dumps(config.param_scheduler),
        config.optim_wrapper.optimizer.lr,
        max(iterations := list(iterations)) + 1,
        epoch_length,
    )
    return {i: curve[i] for i in iterations}


@functools.cache
def _curve(
    schedulers: str, lr: float, length: int, epoch_length: int
) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    built = []
    for settings in json.loads(schedulers):
        per_epoch = settings.get('by_epoch', True)
        extra = {'optimizer': optimizer}
        if settings.get('convert_to_iter_based'):
            assert per_epoch
            extra['epoch_length'] = epoch_length
            per_epoch = False
        scheduler = PARAM_SCHEDULERS.build({**settings, **extra})
        built.append((scheduler, epoch_length if per_epoch else 1))
    curve = []
    for i in range(length):
        curve.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler, period in built:
            if (i + 1) % period == 0:
                scheduler.step()
    return curve


def steps(pipeline: Iterable[Mapping[str, Any]]) -> list[str]:
    """The types of a pipeline's transforms, in order."""
    return [step['type'] for step in pipeline]


def step(pipeline: Iterable[Mapping[str, Any]], kind: str) -> dict[str, Any]:
    """The one transform of that type in a pipeline, without its type."""
    (found,) = [dict(s) for s in pipeline if s['type'] == kind]
    found.pop('type')
    return found


def decay_rule(name: str, parameter: nn.Parameter, rule: str) -> bool:
    """Whether a published rule decays a parameter (recipes, T11 to T13).

    Written apart from ``uniformer_mm.engine``, which it tests.
    """
    if rule == 'everything':
        return True
    if rule == 'not_names_with_norm':
        return 'norm' not in name
    if rule == 'not_vectors_nor_cls_token' and name.endswith('.cls_token'):
        return False
    assert rule.startswith('not_vectors')
    return parameter.ndim > 1 and not name.endswith('.bias')


def decay_settings(rule: str) -> dict[str, Any]:
    """How the ``optim_wrapper`` of a config names a rule."""
    if rule == 'everything':
        return {}
    return {
        'constructor': 'uniformer_mm.LayerDecayOptimWrapperConstructor',
        'paramwise_cfg': {'decay_groups': rule},
    }


def assert_decay(config: Config, lr: float, decay: float, rule: str) -> None:
    """Check learning rate and decay of every parameter of the model."""
    model = build(config)
    expected = {
        name: (lr, decay if decay_rule(name, p, rule) else 0.0)
        for name, p in model.named_parameters()
        if p.requires_grad
    }
    assert parameter_groups(config, model) == expected


def changes(config: Config, main: Config) -> dict[str, Any]:
    """What a config changes of ``main`` or adds to it, by dotted names."""
    found = {}

    def compare(prefix: str, ours: Any, theirs: Any) -> None:
        if isinstance(ours, dict) and isinstance(theirs, dict):
            assert set(theirs) <= set(ours), f'{prefix} lost a key'
            for key, value in ours.items():
                compare(f'{prefix}.{key}', value, theirs.get(key))
        elif ours != theirs:
            found[prefix[1:]] = ours

    compare('', config.to_dict(), main.to_dict())
    return found
