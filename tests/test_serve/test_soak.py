"""Thousands of requests to the page: memory stays, overload is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine import Config
from PIL import Image

from tests.support.fuzz import TRIED, Record
from tests.support.host_tests import HostTest
from tests.support.memory import NOTE, STATM, resident, slope

client = pytest.importorskip('gradio_client')
pytest.importorskip('gradio')

SIDES = range(96, 257, 8)  # px
WAITING = 4
BURST = 3 * WAITING
EACH = 200  # requests between bursts
SECONDS = 300  # for an answer, on a busy machine


@contextmanager
def served(
    config: Path, weights: Path, folder: Path
) -> Iterator[tuple[Any, int]]:
    """(A client of the command's page, the number of its process.)"""
    command = [sys.executable, '-m', 'uniformer_mm', 'serve', 'segmentation']
    command += ['--weights', str(weights), '--config', str(config)]
    command += ['--device', 'cpu', '--port', '0']
    command += ['--max-waiting', str(WAITING)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'TMPDIR': str(folder)},  # it is killed
    ) as page:
        try:
            assert page.stdout is not None
            lines = iter(page.stdout.readline, '')
            found = (
                re.search(r'serving at (http\S+)', line) for line in lines
            )
            address = next(filter(None, found))[1]
            api = client.Client(
                address,
                verbose=False,
                download_files=False,
                httpx_kwargs={'timeout': SECONDS},
            )
            yield api, page.pid
        finally:
            page.kill()


def pictures(folder: Path, number: int) -> list[Path]:
    random = np.random.default_rng(0)
    paths = [folder / f'{index}.png' for index in range(number)]
    for path in paths:
        height, width = random.choice(SIDES, 2)
        pixels = random.integers(0, 255, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


def burst(api: Any, path: Path) -> Counter[str]:
    """Ask for more at once than may wait; what each was told."""
    file = client.handle_file(str(path))
    jobs = [
        api.submit(file, 0.3, api_name='/segmentation') for _ in range(BURST)
    ]
    errors = [job.exception(SECONDS) for job in jobs]
    return Counter('answered' if e is None else str(e) for e in errors)


@pytest.mark.skipif(not STATM.is_file(), reason='reads /proc')
@pytest.mark.parametrize(
    ('requests', 'limit'),
    [
        # KiB per request, over the second half.
        pytest.param(2000, 8.0, marks=pytest.mark.slow),
    ],
)
def test_memory_stays_flat(
    requests: int,
    limit: float,
    host_test: Callable[[str], HostTest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Record,
) -> None:
    monkeypatch.setitem(os.environ, 'GRADIO_ANALYTICS_ENABLED', 'False')
    test = host_test('segmentation')
    config = Config.fromfile(test.config)
    for step in config.test_dataloader.dataset.pipeline:
        if step.type.endswith('Resize'):  # to as many sizes as come
            step.scale = (96, 96)
    config.dump(tmp_path / 'config.py')
    (tmp_path / 'text.png').write_text('no picture')
    paths = pictures(tmp_path, 50)
    told: Counter[str] = Counter()
    memory = []
    with (
        served(tmp_path / 'config.py', test.checkpoint, tmp_path) as served_by,
        ThreadPoolExecutor(WAITING) as pool,
    ):
        api, number = served_by

        def ask(index: int) -> None:
            bad = index % 50 == 7
            path = tmp_path / 'text.png' if bad else paths[index % 50]
            file = client.handle_file(str(path))
            error = api.submit(file, 0.3, api_name='/segmentation').exception(
                SECONDS
            )
            assert ('text.png is no picture' in str(error)) == bad
            assert bad or error is None
            memory.append(resident(number))

        for first in range(0, requests, EACH):
            list(pool.map(ask, range(first, first + EACH)))
            told += burst(api, paths[0])
    refused = {text for text in told if text != 'answered'}
    assert len(refused) == 1
    assert 'Queue is full' in refused.pop()
    # One is looked at and ``WAITING`` wait, of each burst, at least.
    assert told['answered'] >= (WAITING + 1) * (requests // EACH)
    grown = slope(memory[requests // 2 :]) / 1024
    record_property(TRIED, requests + told.total())
    record_property(
        NOTE,
        f'{requests}: {grown:.1f} KiB each; of {told.total()} more at once '
        f'{told.total() - told["answered"]} were refused',
    )
    assert grown < limit, f'{grown:.1f} KiB per request'
