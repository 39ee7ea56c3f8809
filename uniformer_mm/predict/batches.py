"""Items through a model in batches, in order, each with its own error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from uniformer_mm.predict.host_model import HostModel
from uniformer_mm.predict.items import Item
from uniformer_mm.predict.legend import Legend
from uniformer_mm.predict.persons import Finder
from uniformer_mm.predict.result import Result

__all__ = ['Task', 'results_of']

PERSONS = 16  # crops that the network gets at once, if a batch has as many


class Task(Protocol):
    """What is special of a task.

    Attributes:
        task: Its name.
        threshold: Default of the least score.
        host: The model.
        legend: Names and colours.
    """

    task: str
    threshold: float
    host: HostModel
    legend: Legend

    def prepare(self, item: Item) -> tuple[Any, list[Any]]:
        """Return the picture, and what the model takes: an input or more."""

    def read(self, samples: Sequence[Any], threshold: float) -> dict[str, Any]:
        """Return fields of a ``Result``, of a data sample per input."""


def results_of(
    model: Task,
    items: Iterable[Item],
    *,
    batch_size: int,
    threshold: float,
    on_error: str,
    find: Finder | None,
) -> Iterator[Result]:
    """Yield a result per item, in their order.

    Args:
        model: Of the task.
        items: They are not read ahead, but for one batch.
        batch_size: Items per batch.
        threshold: Least score.
        on_error: 'result' or 'raise'.
        find: Gives items their boxes; None if the task wants none.
    """
    batch: list[_Looked] = []
    for item in items:
        looked = _Looked(item)
        looked.attempt(_prepare, model, find)
        batch.append(looked)
        if len(batch) == batch_size:
            yield from _run(model, batch, threshold, on_error)
            batch = []
    yield from _run(model, batch, threshold, on_error)


class _Looked:
    """An item on its way to a result."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.image: Any = None
        self.inputs: list[Any] = []
        self.samples: list[Any] = []
        self.fields: dict[str, Any] = {}
        self.failure: Exception | None = None

    def attempt(self, step: Callable[..., None], *args: Any) -> None:
        """Do a step, unless one before has failed."""
        if self.failure:
            return
        try:
            step(self, *args)
        except ImportError:  # of no single item
            raise
        except Exception as error:
            self.failure = error
            self.inputs = []

    def result(self, model: Task) -> Result:
        item, error = self.item, ''
        if self.failure:
            error = str(self.failure) or type(self.failure).__name__
            self.image, self.fields = None, {}
        return Result(
            model.task,
            item.name,
            model.legend,
            item.path,
            item.frame,
            item.rate,
            self.image,
            error=error,
            **self.fields,
        )


def _prepare(looked: _Looked, model: Task, find: Finder | None) -> None:
    item = looked.item
    if item.failure:
        raise item.failure
    if find:
        item = replace(item, boxes=find(item))
    looked.image, looked.inputs = model.prepare(item)


def _run(
    model: Task, batch: Sequence[_Looked], threshold: float, on_error: str
) -> Iterator[Result]:
    for group in _groups(batch):
        try:
            samples = model.host.run([data for _, data in group])
        except Exception:
            # It is one of them, or all together were too much.
            for looked, data in group:
                looked.attempt(_run_alone, model, data)
            continue
        for (looked, _), sample in zip(group, samples, strict=True):
            looked.samples.append(sample)
    for looked in batch:
        looked.attempt(_read, model, threshold)
        if looked.failure and on_error == 'raise':
            raise looked.failure
        yield looked.result(model)


def _run_alone(looked: _Looked, model: Task, data: Any) -> None:
    looked.samples += model.host.run([data])


def _read(looked: _Looked, model: Task, threshold: float) -> None:
    looked.fields = model.read(looked.samples, threshold)


def _groups(
    batch: Sequence[_Looked],
) -> Iterator[list[tuple[_Looked, Any]]]:
    """Yield inputs of one shape, and of pictures of one size, together.

    Padding to the largest of a batch would change the others: attention sees
    the padding.
    """
    shapes: dict[Any, list[tuple[_Looked, Any]]] = {}
    for looked in batch:
        for data in looked.inputs:
            size = data['data_samples'].metainfo.get('ori_shape')
            shape = (tuple(data['inputs'].shape), size)
            shapes.setdefault(shape, []).append((looked, data))
    at_once = max(len(batch), PERSONS)
    for group in shapes.values():
        for start in range(0, len(group), at_once):
            yield group[start : start + at_once]
