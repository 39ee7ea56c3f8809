"""What our runners add to MMEngine's: hooks, and a loader that resumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from uniformer_mm.engine.resume import (
    place_loader,
    prepare_resume,
    require_own_optimizer,
)
from uniformer_mm.engine.seeded_loader import seeded

__all__ = ['Resumes']


class Resumes:
    """What our runners do to lose nothing, mixed into MMEngine's.

    They go on from the newest checkpoint that is whole, with the random
    numbers and batches that the training would have had (``resume.py``,
    ``seeded_loader.py``), and have ``with_our_hooks``.
    """

    train_loop: Any

    def train(self) -> Any:
        """See ``Runner.train``.

        Raises:
            ValueError: There are checkpoints, and none to resume from.
        """
        prepare_resume(self)
        return super().train()  # type: ignore[misc]

    def build_train_loop(self, loop: Any) -> Any:
        """See ``Runner.build_train_loop``."""
        if not isinstance(loop, Mapping):
            return super().build_train_loop(loop)  # type: ignore[misc]
        with seeded_train_loader(self):
            return super().build_train_loop(loop)  # type: ignore[misc]

    def resume(self, *args: Any, **kwargs: Any) -> None:
        """See ``Runner.resume``.

        Raises:
            ValueError: The checkpoint is of another optimizer.
        """
        super().resume(*args, **kwargs)  # type: ignore[misc]
        require_own_optimizer(self)
        place_loader(self.train_loop)

    def register_default_hooks(self, hooks: Any = None) -> None:
        """See ``Runner.register_default_hooks``."""
        super().register_default_hooks(with_our_hooks(hooks))  # type: ignore[misc]


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
