"""Thousands of requests of mixed sizes: memory stays where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mmengine import Config

from tests.support.fuzz import TRIED, Record
from tests.support.host_tests import HostTest
from tests.support.memory import NOTE, STATM, resident, slope
from uniformer_mm import load

SIDES = range(96, 257, 8)  # px


@pytest.mark.skipif(not STATM.is_file(), reason='reads /proc')
@pytest.mark.parametrize(
    ('task', 'requests', 'limit'),
    [
        # KiB per request, over the second half; the first fills the caches
        # of oneDNN, which are bounded.
        ('segmentation', 100, 256.0),
        pytest.param('segmentation', 2000, 8.0, marks=pytest.mark.slow),
        pytest.param('detection', 2000, 8.0, marks=pytest.mark.slow),
    ],
)
def test_memory_stays_flat(
    task: str,
    requests: int,
    limit: float,
    host_test: Callable[[str], HostTest],
    record_property: Record,
) -> None:
    test = host_test(task)
    config = Config.fromfile(test.config)
    for step in config.test_dataloader.dataset.pipeline:
        if step.type.endswith('Resize'):  # to as many sizes as come
            step.scale = (96, 96)
    predictor = load(task, config=config, weights=test.checkpoint)
    random = np.random.default_rng(0)
    memory = []
    for number in range(requests):
        height, width = random.choice(SIDES, 2)
        picture = random.integers(0, 255, (height, width, 3), np.uint8)
        # Now and then something that can't be looked at.
        request: Any = 'no such file.jpg' if number % 50 == 7 else picture
        (result,) = predictor.predict(request)
        assert bool(result.error) == isinstance(request, str)
        memory.append(resident())
    grown = slope(memory[requests // 2 :]) / 1024
    record_property(TRIED, requests)
    if requests > 1000:  # else the caches are not full
        record_property(NOTE, f'{task}, {requests}: {grown:.1f} KiB each')
    assert grown < limit, f'{grown:.1f} KiB per request'
