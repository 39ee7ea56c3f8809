"""The page itself: its API, its limits, and a browser that clicks.

``UNIFORMER_MM_SCREENSHOT=WEIGHTS pytest -k browser`` on this file makes the
picture in the documents, WEIGHTS being the model of the quickstart.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.chromium import opened
from tests.support.host_tests import HostTest
from tests.support.recipe import ROOT
from uniformer_mm.cli.serve import NOTICE
from uniformer_mm.predict import load
from uniformer_mm.serve.card import card_of
from uniformer_mm.serve.demo import Demo
from uniformer_mm.serve.examples import draw_examples
from uniformer_mm.serve.limits import Limits

gradio = pytest.importorskip('gradio')
client = pytest.importorskip('gradio_client')

from uniformer_mm.serve.page import build_page, launch  # noqa: E402

Get = Callable[[str], HostTest]
SCREENSHOT = 'UNIFORMER_MM_SCREENSHOT'
LIMITS = Limits(mib=1, waiting=1)
if SCREENSHOT in os.environ:
    LIMITS = Limits()


class SlowDemo(Demo):
    """Waits for a sign before it answers, if it is told to."""

    ready = threading.Event()
    ready.set()

    def answer(self, path: str, threshold: float) -> Any:
        self.ready.wait(30)
        return super().answer(path, threshold)


@pytest.fixture(scope='module')
def demo(host_test: Get, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    weights = os.environ.get(SCREENSHOT)
    weights = weights or str(host_test('detection').checkpoint)
    predictor = load('detection', weights=weights, device='cpu')
    folder = tmp_path_factory.mktemp('examples')
    pictures, _ = draw_examples(folder / 'toy')
    card = card_of(predictor, weights)
    return SlowDemo(predictor, card, LIMITS, pictures, NOTICE)


@pytest.fixture(scope='module')
def address(
    demo: Demo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp('uploads')
        patch.setenv('GRADIO_TEMP_DIR', str(folder))
        page = build_page([demo])
        yield launch(page, '127.0.0.1', 0, LIMITS).rstrip('/')
        page.close()


@pytest.fixture(scope='module')
def api(address: str) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GRADIO_ANALYTICS_ENABLED', 'False')
        yield client.Client(address, verbose=False)


def test_answers(api: Any, demo: Demo) -> None:
    path = str(demo.examples[0])
    answer, table = api.predict(
        client.handle_file(path), 0.0, api_name='/detection'
    )
    picture, rows = demo.answer(path, 0.0)
    with Image.open(answer) as image:
        assert image.size == picture.shape[1::-1]
    assert table['data'] == rows
    # What was sent lies where it is removed.
    assert any(Path(os.environ['GRADIO_TEMP_DIR']).rglob('*.jpg'))
    panels = api.predict(
        client.handle_file(path), 40, 60, api_name='/detection_attention'
    )
    expected = demo.attention(path, 40, 60)
    with Image.open(panels) as image:
        gap = np.asarray(image.convert('RGB')).astype(int) - expected
    assert np.abs(gap).mean() < 5  # it is sent as WebP


@pytest.mark.parametrize(
    ('name', 'content', 'told'),
    [
        ('text.jpg', b'no picture', 'text.jpg is no picture'),
        ('a.txt', b'text', 'Invalid file type'),
        ('large.png', bytes(2 << 20), '1'),
    ],
)
def test_bad_files(
    api: Any, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    file = client.handle_file(str(tmp_path / name))
    with pytest.raises(Exception, match=told) as caught:
        api.predict(file, 0.3, api_name='/detection')
    assert 'Traceback' not in str(caught.value)


@pytest.mark.parametrize('uploaded', [True, False])
def test_files_of_this_machine_are_not_read(
    address: str, demo: Demo, tmp_path: Path, uploaded: bool
) -> None:
    """Nothing but what was uploaded, whatever path is sent."""
    http = pytest.importorskip('httpx')
    path = str(shutil.copy(demo.examples[0], tmp_path / 'private.jpg'))
    root = f'{address}/gradio_api'
    if uploaded:
        with open(path, 'rb') as file:
            (path,) = http.post(f'{root}/upload', files={'files': file}).json()
    data = {'path': path, 'meta': {'_type': 'gradio.FileData'}}
    url = f'{root}/call/detection'
    event = http.post(url, json={'data': [data, 0.3]}).json()['event_id']
    told = http.get(f'{url}/{event}', timeout=60).text
    assert ('event: complete' in told) == uploaded
    assert ('event: error' in told) != uploaded


def test_addresses_are_not_fetched(address: str) -> None:
    http = pytest.importorskip('httpx')
    url = f'{address}/gradio_api/call/detection'
    data = {'path': f'{address}/a.jpg', 'meta': {'_type': 'gradio.FileData'}}
    event = http.post(url, json={'data': [data, 0.3]}).json()['event_id']
    told = http.get(f'{url}/{event}', timeout=60).text
    assert 'event: error' in told
    assert 'send the file itself, not an address' in told


def test_overload_is_refused(api: Any, demo: SlowDemo) -> None:
    """One is answered, one waits, and a third is told to come back."""
    file = client.handle_file(str(demo.examples[0]))
    demo.ready.clear()
    try:
        jobs = [api.submit(file, 0.3, api_name='/detection') for _ in range(4)]
        stop = time.monotonic() + 30
        while sum(job.done() for job in jobs) < 2:
            assert time.monotonic() < stop
            time.sleep(0.05)
    finally:
        demo.ready.set()
    errors = list(filter(None, (job.exception(30) for job in jobs)))
    assert ['Queue is full' in str(error) for error in errors] == [True] * 2


def test_in_a_browser(address: str, demo: Demo, tmp_path: Path) -> None:
    """Upload, see the answer, click on it, see panels; then an example."""
    Image.open(demo.examples[1]).save(tmp_path / 'mine.png')
    (tmp_path / 'bad.jpg').write_text('no picture')
    with opened(address) as page:
        page.get_by_text('It knows nothing else').wait_for()
        upload = '#detection-file input[type=file]'
        page.set_input_files(upload, tmp_path / 'mine.png')
        answer = page.locator('#detection-answer img')
        answer.wait_for()
        width, height = shown_size(answer)
        assert (width, height) == (256, 256)
        box = answer.bounding_box()
        assert page.locator('#detection-attention img').count() == 0
        # The middle of the picture, which is fitted into the element.
        answer.click(position={'x': box['width'] / 2, 'y': box['height'] / 2})
        panels = page.locator('#detection-attention img')
        panels.wait_for()
        assert shown_size(panels)[0] > 2 * 256
        x, y = (
            float(page.get_by_label(name, exact=True).input_value())
            for name in 'xy'
        )
        assert (x, y) == pytest.approx((128, 128), abs=2)

        page.locator('#detection-file button[aria-label=Clear]').click()
        page.set_input_files(upload, tmp_path / 'bad.jpg')
        page.get_by_text('bad.jpg is no picture of a known format').wait_for()
        assert answer.count() == 0

        page.locator('#detection-examples button').nth(0).click()
        answer.wait_for()
        page.get_by_text('About this model').click()
        page.get_by_text('sha256').wait_for()
        if SCREENSHOT in os.environ:
            page.get_by_text('About this model').click()
            box = answer.bounding_box()
            point = {'x': box['width'] * 0.41, 'y': box['height'] * 0.7}
            answer.click(position=point)
            panels.wait_for()
            page.wait_for_timeout(12_000)  # until the error is gone
            page.screenshot(path=tmp_path / 'page.png', full_page=True)
            with Image.open(tmp_path / 'page.png') as image:
                image.save(ROOT / 'docs/images/serve.webp', quality=85)


def shown_size(image: Any) -> tuple[int, int]:
    found = image.evaluate(
        """async image => {
            await image.decode();
            return [image.naturalWidth, image.naturalHeight];
        }"""
    )
    return found[0], found[1]
