"""Random changes, one after the other, give the same outputs in every mode."""

from __future__ import annotations

import functools
from contextlib import nullcontext
from typing import Any

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.support.edits import EDITS, HOOKS, Edit, anywhere, edited
from tests.support.models import KINDS
from tests.support.modes import disagreement
from tests.support.small import many_tokens, small

MODES = ('plain', 'gradients', 'no_grad', 'inference_mode')
FREEZE = Edit('no gradients', anywhere, lambda m: m.requires_grad_(False))
# Training mode of any part: of norms, dropout and stochastic depth in it.
TRAIN = Edit('training mode', anywhere, lambda m: m.train())
CHANGES = (*EDITS, *HOOKS, FREEZE, TRAIN)
# Rounding that a change or two can make larger.
TOLERANCE = 1e-3


@functools.cache
def model_of(kind: str) -> tuple[nn.Module, torch.Tensor]:
    """A model, not to be changed, whose dropout is off, and its input."""
    rates = {'drop_rate': 0.2, 'attn_drop_rate': 0.2, 'drop_path_rate': 0.3}
    model = small(kind, **rates)
    return model, many_tokens(kind)


@st.composite
def steps(draw: Any) -> tuple[str, list[tuple[Edit, str]]]:
    """A kind of model, and one to four changes with their places."""
    kind = draw(st.sampled_from(list(KINDS)))
    model, _ = model_of(kind)
    names = [name for name, m in model.named_modules() if anywhere(name, m)]
    targets = draw(
        st.lists(
            st.sampled_from(names[1:]), min_size=1, max_size=4, unique=True
        )
    )
    chosen = []
    for target in targets:
        layer = model.get_submodule(target)
        fitting = [edit for edit in CHANGES if edit.fits(target, layer)]
        chosen.append((draw(st.sampled_from(fitting)), target))
    return kind, chosen


def describe(kind: str, chosen: list[tuple[Edit, str]]) -> str:
    changes = ', '.join(f'{edit.name} of {place}' for edit, place in chosen)
    return f'{kind} with {changes}'


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps())
def test_random_changes_count_in_every_mode(
    drawn: tuple[str, list[tuple[Edit, str]]],
) -> None:
    kind, chosen = drawn
    model, x = model_of(kind)
    _, wrong = disagreement(
        lambda: nullcontext(edited(model, *chosen)), x, MODES, TOLERANCE
    )
    assert not wrong, f'{describe(kind, chosen)}: {wrong}'
