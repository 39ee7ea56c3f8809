"""Official names into those of the backbones and of today's hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from uniformer_mm.checks import check_choice
from uniformer_mm.weights.identity import Identity
from uniformer_mm.weights.kinds import HEADS
from uniformer_mm.weights.reading import listed
from uniformer_mm.weights.recognize import COUNTER, recognize
from uniformer_mm.weights.report import Report
from uniformer_mm.weights.rules import RULES, Rule

__all__ = ['TASKS', 'convert']


TASKS = tuple(RULES)
# Task -> the kinds of model that it takes.
KINDS: Mapping[str, tuple[str, ...]] = {
    'backbone': ('backbone', *HEADS),
    'detection': ('detector',),
    'segmentation': ('segmentor',),
    'pose': ('pose',),
    'action': ('classifier', 'recognizer'),
    'classification': ('classifier', 'image classifier'),
}


def convert(
    state: Mapping[str, Tensor],
    task: str,
    *,
    identity: Identity | None = None,
    rules: Sequence[Rule] = (),
) -> tuple[dict[str, Tensor], Report]:
    """Rename the keys of ``state`` for a task.

    Batch norms of old files that have no counter of batches get one that says
    0, as ``load_state_dict`` does for a new model: only batch norms without
    momentum use it, and UniFormer has none of them.

    Args:
        state: Weights of one model, without the checkpoint around them; it
            stays as it is.
        task: 'backbone' (of whatever file, for ``UniFormer`` or
            ``UniFormerLight``; the batch norm of classifiers is left out),
            'detection', 'segmentation', 'pose' (whole models of the official
            release, or of today), 'action' or 'classification' (classifiers
            as mmaction2 and mmpretrain have them; the backbone has
            ``out_norm='BN'``).
        identity: What ``state`` is, if it was recognised before.
        rules: Further rules, which come before those of the task.

    Returns:
        tuple: The weights under their new names, sharing the memory of those
        of ``state``, and the report of every key.

    Raises:
        ValueError: Unknown task, ``state`` is no whole UniFormer or a model
            for another task, a key that no rule knows, or two keys for one
            place.
    """
    check_choice('task', task, TASKS)
    kind = (identity or recognize(state, {})).kind
    if kind not in KINDS[task]:
        raise ValueError(
            f'task {task!r} takes {" or ".join(KINDS[task])} weights, got '
            f'{kind} weights'
        )
    names, dropped = _apply((*rules, *RULES[task]), state)
    result = {target: state[key] for key, target in names.items()}
    counters = _missing_counters(result)
    result |= counters
    return result, Report(
        kept=tuple(key for key, target in names.items() if key == target),
        renamed={k: t for k, t in names.items() if k != t},
        dropped=dropped,
        changed=dict.fromkeys(counters, 'batch counter set to 0'),
    )


def _apply(
    rules: tuple[Rule, ...], state: Mapping[str, Tensor]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return key -> new key, and dropped key -> name of the rule."""
    names: dict[str, str] = {}
    dropped: dict[str, str] = {}
    left = []
    for key in state:
        matches = ((rule, re.fullmatch(rule.pattern, key)) for rule in rules)
        found = next(((rule, m) for rule, m in matches if m), None)
        if found is None:
            left.append(key)
            continue
        rule, match = found
        if rule.target is None:
            dropped[key] = rule.name
        else:
            names[key] = match.expand(rule.target)
    if left:
        raise ValueError(
            f'no rule for {listed(left)}; the rules are '
            f'{listed([rule.name for rule in rules])}'
        )
    sources: dict[str, str] = {}
    for key, target in names.items():
        if target in sources:
            raise ValueError(
                f'both {sources[target]} and {key} would become {target}'
            )
        sources[target] = key
    return names, dropped


def _missing_counters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a counter for each batch norm of ``state`` that has none."""
    norms = [k.rpartition('.')[0] for k in state if k.endswith('running_var')]
    missing = [norm + COUNTER for norm in norms if norm + COUNTER not in state]
    return {key: torch.tensor(0) for key in missing}
