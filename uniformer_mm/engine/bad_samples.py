"""Samples that fail in training: named, and on request replaced."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
from mmengine.dataset import BaseDataset, Compose
from mmengine.logging import print_log

from uniformer_mm.checks import check_int
from uniformer_mm.data_checks.data_set import kind_of
from uniformer_mm.data_checks.sample import BadSampleError, run_steps

__all__ = ['guard']


def guard(dataset: Any, max_bad_samples: int = 0) -> None:
    """Make the data sets in ``dataset`` name the files of a bad sample.

    Args:
        dataset: A built data set, or a wrapper of one or several.
        max_bad_samples: How many different samples of each may be replaced
            by others, at random, before the next one ends the training. Each
            is logged. A data set in test mode replaces none: a metric over
            others would be wrong.

    Raises:
        TypeError, ValueError: ``max_bad_samples`` is no int of 0 or more, or
            above 0 for a data set in test mode.
    """
    check_int('max_bad_samples', max_bad_samples, 0)
    for part in _data_sets(dataset):
        if max_bad_samples and part.test_mode:
            raise ValueError(
                'max_bad_samples is for training; in test mode every sample '
                f'counts, got {max_bad_samples} for {part.ann_file}'
            )
        part.prepare_data = _Guard(part, max_bad_samples)


class _Guard:
    """``prepare_data`` of one data set, over the host's.

    It looks at the pipeline anew each time, for hooks exchange it.

    Attributes:
        bad (Tensor): Whether a sample, by its index, was found bad; in memory
            that all workers share.
    """

    def __init__(self, dataset: BaseDataset, allowed: int) -> None:
        self.dataset = dataset
        self.allowed = allowed
        self.classes = _label_classes(dataset)
        count = len(dataset) if allowed else 0
        self.bad = torch.zeros(count, dtype=torch.uint8)
        self.bad.share_memory_()  # type: ignore[no-untyped-call]

    def __call__(self, index: int) -> Any:
        pipeline = self.dataset.pipeline
        if not isinstance(pipeline, _NamingCompose):
            self.dataset.pipeline = _NamingCompose(pipeline, self.classes)
        try:
            return type(self.dataset).prepare_data(self.dataset, index)
        except BadSampleError as error:
            if not self.allowed:
                raise
            self.bad[index] = 1
            count = int(self.bad.sum())
            if count > self.allowed:
                raise BadSampleError(
                    f'{count} bad samples, and max_bad_samples='
                    f'{self.allowed}; the last: {error}'
                ) from error
            print_log(
                f'replaced ({count} of {self.allowed} allowed): {error}',
                'current',
                logging.WARNING,
            )
            return None  # the host draws another


class _NamingCompose(Compose):
    """A pipeline that names the files of what fails in it."""

    def __init__(self, pipeline: Any, classes: int | None) -> None:
        self.transforms: list[Callable[[Any], Any]] = pipeline.transforms
        self.classes = classes

    def __call__(self, data: dict[str, Any]) -> Any:
        return run_steps(self.transforms, data, self.classes)


def _data_sets(dataset: Any) -> Iterator[BaseDataset]:
    """Yield those that read files, not the wrappers around them."""
    inner = [*(getattr(dataset, 'datasets', None) or [])]
    if getattr(dataset, 'dataset', None) is not None:
        inner.append(dataset.dataset)
    for part in inner:
        yield from _data_sets(part)
    if not inner and isinstance(dataset, BaseDataset):
        yield dataset


def _label_classes(dataset: BaseDataset) -> int | None:
    if kind_of({'type': type(dataset)}) != 'label maps':
        return None
    return len(dataset.metainfo.get('classes') or ()) or None
