"""Batches and random numbers that depend on the place in a training alone."""

from __future__ import annotations

import itertools
import pickle
import random
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader, IterableDataset

from tests.support.tiny_training import Numbers
from uniformer_mm.engine.random_state import (
    get_random_state,
    seed_at,
    set_random_state,
)
from uniformer_mm.engine.seeded_loader import Place, SeededLoader, seeded


def loader(workers: int = 0, *, infinite: bool = True) -> SeededLoader:
    data = Numbers()
    kind = InfiniteSampler if infinite else DefaultSampler
    made = seeded(
        DataLoader(
            data,
            batch_size=2,
            sampler=kind(data, seed=3),
            num_workers=workers,
            persistent_workers=workers > 0,
            drop_last=True,
        ),
        seed=5,
    )
    assert isinstance(made, SeededLoader)
    return made


def drawn() -> tuple[float, ...]:
    return random.random(), np.random.rand(), float(torch.rand(()))


def first(batches: Any, number: int) -> list[Any]:
    """Batches, and what the training would draw after each."""
    got = itertools.islice(batches, number)
    return [(b and b['x'].tolist(), drawn()) for b in got]


def test_workers_change_nothing() -> None:
    alone = first(loader(), 10)
    drawn()
    assert first(loader(2), 10) == alone
    assert len({x for _, x in alone}) == 10


@pytest.mark.parametrize('workers', [0, 1])
def test_it_begins_anywhere(workers: int) -> None:
    expected = first(loader(), 10)
    resumed = loader(workers)
    resumed.resume(7, 7, answer=True)
    got = first(resumed, 10)
    assert [batch for batch, _ in got[:7]] == [None] * 7
    assert got[7:] == expected[7:]
    # In the second epoch of four batches.
    epochs = loader(infinite=False)
    expected = first(epochs, 9) + first(epochs, 9)
    assert len(expected) == 8
    resumed = loader(workers, infinite=False)
    resumed.resume(6, 2, answer=False)
    assert first(resumed, 9) == expected[6:]


def test_more_than_a_pass_is_left_out() -> None:
    """As MMEngine's iteration-based loop does with a sampler that ends."""
    again = loader(infinite=False)
    expected = [*first(again, 9), *first(again, 9)]
    resumed = loader(infinite=False)
    resumed.resume(5, 5, answer=True)
    assert len(first(resumed, 9)) == 4
    assert first(resumed, 9)[1:] == expected[5:]


def test_in_all_else_it_is_the_data_set() -> None:
    made = loader()
    assert made.dataset.metainfo == Numbers().metainfo
    made.dataset.pipeline = 'another'  # as hooks do
    assert made.dataset.dataset.pipeline == 'another'
    copy = pickle.loads(pickle.dumps(made.dataset))
    place = Place(1, (0, 0), 2, 3)
    assert torch.equal(copy[place]['x'], made.dataset[place]['x'])
    assert (len(made), made.batch_sampler.batch_size) == (4, 2)
    assert made.drop_last is False  # the batch sampler's
    assert made.batch_sampler.drop_last is True
    next(iter(made))
    assert len(made.indices(0)) == 2


def test_what_has_no_places_is_left() -> None:
    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(())

    for other in (
        DataLoader(Stream()),
        DataLoader(Numbers(), batch_size=None),
    ):
        assert seeded(other, 0) is other


def test_a_state_comes_back() -> None:
    seed_at(1, 2, 3)
    np.random.randn()  # leaves a second one for the next call
    state = pickle.loads(pickle.dumps(get_random_state()))
    expected = (*drawn(), np.random.randn(), random.gauss(0, 1))
    seed_at(1, 2, 4)
    assert drawn() != expected[:3]
    set_random_state(state)
    assert (*drawn(), np.random.randn(), random.gauss(0, 1)) == expected
