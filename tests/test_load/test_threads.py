"""One model used by eight threads: what one thread gives, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.fuzz import FACTOR, TRIED, Record
from tests.support.models import random_input
from tests.support.small import small
from uniformer_mm import deploy, fast

THREADS = 8
CALLS = 32 * FACTOR
KINDS = ('image', 'conv_stem', 'video', 'split', 'light', 'light_video')


@pytest.mark.parametrize('form', ['plain', 'fast', 'deployed'])
@pytest.mark.parametrize('kind', KINDS)
def test_eight_threads_give_what_one_gives(
    kind: str,
    form: str,
    use_threads: Callable[[int], None],
    record_property: Record,
) -> None:
    use_threads(1)
    model: Any = small(kind)
    if form == 'deployed':
        deploy(model)
    sizes = [
        (1 + i % 3, 64 + 16 * (i % 4), 96 - 8 * (i % 5)) for i in range(8)
    ]
    inputs = [random_input(kind, *size) for size in sizes]

    # Modes of torch and of ours belong to a thread.
    def run(x: Tensor) -> list[Tensor]:
        mode = fast.plain() if form == 'plain' else nullcontext()
        with mode, torch.inference_mode():
            return list(model(x))

    expected = [run(x) for x in inputs]
    with ThreadPoolExecutor(THREADS) as pool:
        calls = [i % len(inputs) for i in range(CALLS)]
        results = list(pool.map(lambda i: run(inputs[i]), calls))
    for i, outputs in zip(calls, results, strict=True):
        for output, reference in zip(outputs, expected[i], strict=True):
            assert torch.equal(output, reference)
    record_property(TRIED, CALLS)
