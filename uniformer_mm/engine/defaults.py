"""What our runners add to MMEngine's: hooks, and a loader that resumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from uniformer_mm.engine.seeded_loader import seeded

__all__ = ['seeded_train_loader', 'with_our_hooks']


def with_our_hooks(hooks: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return ``default_hooks`` of a config, with ours.

    MMEngine's ``CheckpointHook`` becomes ours, with the same arguments, and
    ``NonFiniteHook`` is added. Either is left out where the config has None
    in its place, and as it is where the config has a hook of another type.
    """
    plain = 'CheckpointHook'
    ours = {
        'checkpoint': {'type': plain, 'interval': 1},
        'non_finite': {'type': 'uniformer_mm.NonFiniteHook'},
        **(hooks or {}),
    }
    checkpoint = ours['checkpoint']
    if isinstance(checkpoint, Mapping) and checkpoint['type'] == plain:
        ours['checkpoint'] = {**checkpoint, 'type': f'uniformer_mm.{plain}'}
    if ours['non_finite'] is None:
        del ours['non_finite']
    return ours


@contextmanager
def seeded_train_loader(runner: Any) -> Iterator[None]:
    """Have the training loop that is built in here get a seeded loader."""
    config = runner._train_dataloader
    if not isinstance(config, Mapping):
        yield
        return
    per_rank = runner._randomness_cfg.get('diff_rank_seed', False)
    loader = runner.build_dataloader(config, runner.seed, per_rank)
    runner._train_dataloader = seeded(loader, runner.seed)
    try:
        yield
    finally:
        # MMEngine looks up the size of a batch there.
        runner._train_dataloader = config
