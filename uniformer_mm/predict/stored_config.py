"""The config that MMEngine stores in a checkpoint, read without running it.

MMEngine stores Python text, and its own reader runs it. A weight file may come
from anywhere, so here only assignments of plain values are read, and what the
config would build must be known to the registries.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from mmengine import Config
from mmengine.registry import Registry

from uniformer_mm.hosts import HOSTS, import_extra

__all__ = ['stored_config']

# Where hosts keep what they build a model, its pipeline and optimizers from.
REGISTRIES = (
    'BATCH_AUGMENTS',
    'DATASETS',
    'KEYPOINT_CODECS',
    'MODELS',
    'OPTIMIZERS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'TASK_UTILS',
    'TRANSFORMS',
    'WEIGHT_INITIALIZERS',
)
# Types that mmcv and heads look up themselves.
BY_NAME = {'AvgConsensus', 'RoIAlign', 'RoIPool', 'nms', 'soft_nms'}
SCOPES = {'mmcv', 'mmengine', 'mmpretrain', 'uniformer_mm', *HOSTS}


def stored_config(
    meta: dict[str, Any], also: Sequence[str] = ()
) -> Config | None:
    """Return the config in the 'meta' entry of a checkpoint, None if none.

    Args:
        meta: The config is its 'cfg'.
        also: What else is to be built from it than predicting needs, such as
            'optim_wrapper'.

    Raises:
        ImportError: Its host is not installed.
        ValueError: It holds more than plain values, or would build what no
            registry has.
    """
    text = meta.get('cfg')
    if not isinstance(text, str):
        return None
    try:
        values = {
            target.id: _value(line.value)
            for line in ast.parse(text).body
            if isinstance(line, ast.Assign)
            for target in line.targets
            if isinstance(target, ast.Name)
        }
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ValueError(
            f'the config in the weight file is not read: {error}; give it by '
            'config='
        ) from error
    host = values.get('default_scope')
    if not isinstance(host, str) or host not in HOSTS:
        return None
    if not isinstance(values.get('model'), dict):
        return None
    import_extra(host)
    _check_types(values, host, also)
    return Config(values)


def _value(node: ast.expr) -> Any:
    """Return a literal, ``dict(key=literal)`` or ``dict({key: literal})``."""
    if isinstance(node, ast.Call):
        plain = isinstance(node.func, ast.Name) and node.func.id == 'dict'
        literals = all(isinstance(arg, ast.Dict) for arg in node.args)
        if not plain or not literals or any(not k.arg for k in node.keywords):
            raise ValueError(f'line {node.lineno} calls more than dict(...)')
        found: dict[Any, Any] = {}
        for arg in node.args:
            found |= _value(arg)
        return found | {k.arg: _value(k.value) for k in node.keywords}
    if isinstance(node, ast.Dict):
        if None in node.keys:
            raise ValueError(f'line {node.lineno} is no literal')
        pairs = zip(node.keys, node.values, strict=True)
        return {_value(k): _value(v) for k, v in pairs if k is not None}
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(item) for item in node.elts)
    return ast.literal_eval(node)


def _check_types(
    values: dict[str, Any], host: str, also: Sequence[str]
) -> None:
    """Refuse types that MMEngine would import from anywhere."""
    # What predict builds; hooks, optimizers and the like it does not.
    loader = values.get('test_dataloader') or {}
    parts = [
        values['model'],
        values.get('data_preprocessor'),
        loader.get('dataset'),
        *(values.get(name) for name in also),
    ]
    known = BY_NAME.union(*(each.module_dict for each in _registries(host)))
    for kind in {kind for part in parts for kind in _types(part)}:
        scope, _, _ = kind.rpartition('.')
        name = kind.rpartition('.')[2]
        first = scope.partition('.')[0]
        if name not in known or (first and first not in SCOPES):
            raise ValueError(
                f'the config in the weight file wants {kind!r}, which no '
                'registry has: give the config by config=, whose '
                'custom_imports are followed'
            )


def _registries(host: str) -> Iterator[Registry]:
    """Yield all registries of what models and pipelines are made of."""
    for scope in (host, 'uniformer_mm'):
        module = import_module(f'{scope}.registry')
        for name in REGISTRIES:
            registry = getattr(module, name, None)
            while registry is not None:
                registry.import_from_location()
                yield registry
                registry = registry.parent


def _types(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name in ('type', 'constructor'):  # of an optimizer wrapper
            if isinstance(value.get(name), str):
                yield value[name]
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _types(item)
