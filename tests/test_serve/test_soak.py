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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine import Config
from PIL import Image

from tests.support.fuzz import TRIED, Record
from tests.support.host_tests import HostTest
from tests.support.memory import NOTE, STATM, resident, slope

pytest.importorskip('gradio')
http = pytest.importorskip('httpx')

SIDES = range(96, 257, 8)  # px
WAITING = 4
BURST = 3 * WAITING
EACH = 200  # requests between bursts
SECONDS = 300  # for an answer, on a busy machine


@contextmanager
def served(
    config: Path, weights: Path, folder: Path
) -> Iterator[tuple[str, int]]:
    """(The address of the command's page, the number of its process.)"""
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
            yield f'{address.rstrip("/")}/gradio_api', page.pid
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


def answer_to(api: Any, root: str, path: Path) -> str:
    """What a request is told: 'answered', or the error."""
    files = {'files': (path.name, path.read_bytes())}
    (sent,) = api.post(f'{root}/upload', files=files).json()
    data = {'path': sent, 'meta': {'_type': 'gradio.FileData'}}
    url = f'{root}/call/segmentation'
    call = api.post(url, json={'data': [data, 0.3]})
    if call.status_code != 200:
        return str(call.text)
    told = str(api.get(f'{url}/{call.json()["event_id"]}').text)
    return 'answered' if 'event: complete' in told else told


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
    record_property: Record,
) -> None:
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
        served(tmp_path / 'config.py', test.checkpoint, tmp_path) as page,
        http.Client(timeout=SECONDS, trust_env=False) as api,
        ThreadPoolExecutor(BURST) as pool,
    ):
        root, number = page

        def ask(index: int) -> None:
            bad = index % 50 == 7
            path = tmp_path / 'text.png' if bad else paths[index % 50]
            answer = answer_to(api, root, path)
            memory.append(resident(number))
            assert ('text.png is no picture' in answer) == bad, answer
            assert bad or answer == 'answered', answer

        for first in range(0, requests, WAITING):
            list(pool.map(ask, range(first, first + WAITING)))
            if first % EACH == 0:
                same = [paths[0]] * BURST
                told.update(pool.map(partial(answer_to, api, root), same))
    refused = {text for text in told if text != 'answered'}
    assert len(refused) == 1
    assert 'Queue is full' in refused.pop()
    # One is looked at and ``WAITING`` wait, of each burst, at least.
    assert told['answered'] >= (WAITING + 1) * requests / EACH
    grown = slope(memory[requests // 2 :]) / 1024
    record_property(TRIED, requests + told.total())
    record_property(
        NOTE,
        f'{requests}: {grown:.1f} KiB each; of {told.total()} more at once '
        f'{told.total() - told["answered"]} were refused',
    )
    assert grown < limit, f'{grown:.1f} KiB per request'
