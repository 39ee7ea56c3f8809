"""A data loader that begins anywhere in a training as if it had been there.

Random numbers depend on the place alone: on the seed, the rank, the number of
the iteration and, for those of a sample's transforms, on the place in its
batch. So neither the state of a worker nor that of the process needs to be
kept to resume, and what validation or a hook draws changes nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from mmengine.dist import get_rank
from torch.utils.data import DataLoader, Dataset, IterableDataset

from uniformer_mm.engine.random_state import seed_at

__all__ = ['Place', 'SeededLoader', 'seeded']


class Place(NamedTuple):
    """A sample, and where in the training it is used.

    Attributes:
        index (int): Of the sample in the data set.
        seed (tuple[int, int]): Seed of the training, and the rank.
        iteration (int): Of the training, from 0.
        position (int): In the batch, from 0.
    """

    index: Any
    seed: tuple[int, int]
    iteration: int
    position: int


class SeededDataset(Dataset[Any]):
    """A data set asked by ``Place``; in all else it is ``dataset``."""

    # torch would ask the inner one for a whole batch.
    __getitems__ = None

    def __init__(self, dataset: Any) -> None:
        self.__dict__['dataset'] = dataset

    def __getitem__(self, place: Place) -> Any:
        seed_at(*place.seed, place.iteration, place.position + 1)
        return self.dataset[place.index]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        # What pickle asks for is not the inner one's.
        if name == 'dataset' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # Hooks set another pipeline.
        setattr(self.dataset, name, value)


class PlacedBatches:
    """The batches of a batch sampler, with the place of each sample.

    In all else it is ``batches``.

    Args:
        batches: A batch sampler.
        seed: Seed of the training, and the rank.
    """

    def __init__(self, batches: Any, seed: tuple[int, int]) -> None:
        self.batches = batches
        self.seed = seed
        self.iteration = 0
        self.indices: dict[int, list[Any]] = {}
        self._rest: Iterator[list[Any]] | None = None

    def skip(self) -> bool:
        """Leave out a batch; return whether there was one."""
        if self._rest is None:
            self._rest = iter(self.batches)
        if next(self._rest, None) is None:
            self._rest = None
            return False
        self.iteration += 1
        return True

    def __iter__(self) -> Iterator[list[Place]]:
        rest, self._rest = self._rest, None
        for indices in iter(self.batches) if rest is None else rest:
            iteration = self.iteration
            self.iteration += 1
            # Asked for before they are trained with, by workers.
            self.indices[iteration] = list(indices)
            yield [
                Place(index, self.seed, iteration, position)
                for position, index in enumerate(indices)
            ]

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        if name == 'batches' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.batches, name)


class SeededLoader(DataLoader[Any]):
    """A loader that seeds the process with each batch it gives.

    Args:
        loader: Its data set, batch sampler and options are taken over.
        seed (int): Of the training.
    """

    def __init__(self, loader: DataLoader[Any], seed: int) -> None:
        self.place = (seed, get_rank())
        self.iteration = 0
        self.to_skip = 0
        self.answer_skipped = False
        self.placed = PlacedBatches(loader.batch_sampler, self.place)
        super().__init__(
            SeededDataset(loader.dataset),
            batch_sampler=self.placed,  # type: ignore[arg-type]
            **_options(loader),
        )

    def resume(self, iteration: int, skip: int, *, answer: bool) -> None:
        """Go on at a place; what is left out is not loaded.

        Args:
            iteration: The first one to be trained.
            skip: How many batches to leave out, counted from where the
                sampler begins.
            answer: Whether the loop asks for those too, and gets None.
        """
        self.iteration = iteration
        self.placed.iteration = iteration - skip
        self.to_skip, self.answer_skipped = skip, answer

    def indices(self, iteration: int) -> list[Any]:
        """Return the indices of the batch of an iteration given lately."""
        return self.placed.indices.get(iteration, [])

    def __iter__(self) -> Any:
        """Yield batches; nothing is loaded before the first is asked for."""
        while self.to_skip:
            if not self.placed.skip():
                return
            self.to_skip -= 1
            if self.answer_skipped:
                yield None
        for batch in super().__iter__():
            for done in [i for i in self.placed.indices if i < self.iteration]:
                del self.placed.indices[done]
            seed_at(*self.place, self.iteration, 0)
            self.iteration += 1
            yield batch


def seeded(loader: DataLoader[Any], seed: int) -> DataLoader[Any]:
    """Return ``loader`` with random numbers that depend on the place alone.

    What gives no batches by index is returned as it is: an iterable data set,
    a loader without batches.

    Args:
        loader: Not iterated yet.
        seed: Of the training, >= 0.
    """
    if loader.batch_sampler is None or isinstance(
        loader.dataset, IterableDataset
    ):
        return loader
    return SeededLoader(loader, seed)


def _options(loader: DataLoader[Any]) -> dict[str, Any]:
    """Return what the loader was made with, but for data set and sampler."""
    sampling = {'batch_size', 'shuffle', 'sampler', 'batch_sampler'}
    names: Iterable[str] = inspect.signature(DataLoader).parameters
    return {
        name: getattr(loader, name)
        for name in names
        if name not in sampling | {'dataset', 'drop_last'}
        and hasattr(loader, name)
    }
