"""Whatever a config says to our classes: built, or refused by name."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.registry import Registry
from torch import nn

from tests.support.fuzz import (
    Count,
    any_value,
    assert_documented,
    bounded,
    examples,
)
from tests.support.models import TINY
from uniformer_mm import registry

OURS = {
    name: getattr(registry, name)
    for name in registry.__all__
    # Models are fuzzed apart; runners and strategies take whole configs.
    if name not in ('MODELS', 'RUNNERS', 'STRATEGIES')
}


def classes() -> list[Any]:
    """Every registered class that takes arguments, with its registry."""
    found = []
    for where in OURS.values():
        where.import_from_location()
        found += [
            pytest.param(where, name, id=name)
            for name, cls in where.module_dict.items()
            if len(inspect.signature(cls).parameters)
        ]
    return found


@pytest.mark.parametrize(('where', 'name'), classes())
def test_arguments(where: Registry, name: str, count: Count) -> None:
    parameters = inspect.signature(where.get(name)).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty]
    known = [p.name for p in parameters if p.kind != p.VAR_KEYWORD]

    @examples(15)
    @given(
        st.fixed_dictionaries(
            {n: any_value(st) for n in needed if n in known},
            optional={n: any_value(st) for n in known if n not in needed},
        )
    )
    def build(arguments: dict[str, Any]) -> None:
        count()
        with bounded():
            try:
                where.build({'type': f'uniformer_mm.{name}', **arguments})
            except (TypeError, ValueError) as error:
                assert_documented(error)

    build()


def test_options_of_parameters(count: Count) -> None:
    """``paramwise_cfg``, of which a training is made."""
    model = nn.Module()
    model.backbone = registry.MODELS.build(
        {'type': 'uniformer_mm.UniFormer', 'arch': TINY}
    )
    make = registry.OPTIM_WRAPPER_CONSTRUCTORS.build

    @examples(60)
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                'layer_decay_rate': st.one_of(st.floats(), any_value(st)),
                'decay_groups': st.one_of(
                    st.sampled_from(['not_vectors', 'everything']),
                    any_value(st),
                ),
                'unknown': any_value(st),
            },
        )
    )
    def build(options: dict[str, Any]) -> None:
        count()
        try:
            constructor = make(
                {
                    'type': 'uniformer_mm.LayerDecayOptimWrapperConstructor',
                    'optim_wrapper_cfg': {
                        'type': 'OptimWrapper',
                        'optimizer': {'type': 'SGD', 'lr': 0.1},
                    },
                    'paramwise_cfg': options,
                }
            )
        except (TypeError, ValueError) as error:
            assert_documented(error)
            return
        rates = {g['lr'] for g in constructor(model).optimizer.param_groups}
        assert all(0 <= rate <= 0.1 for rate in rates)

    build()
