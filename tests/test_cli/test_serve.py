"""``uniformer-mm serve``: what it loads, where it listens, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.host_tests import HostTest
from uniformer_mm.cli import serve
from uniformer_mm.cli.main import main

Get = Callable[[str], HostTest]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What would be shown, and where; Ctrl-C comes at once."""
    page_module = pytest.importorskip('uniformer_mm.serve.page')
    pytest.importorskip('gradio')
    seen: dict[str, Any] = {}

    class Page:
        def block_thread(self) -> None:
            seen['examples'] = all(
                path.is_file() for d in seen['demos'] for path in d.examples
            )

        def close(self) -> None:
            seen['closed'] = True

    def build(demos: Any) -> Page:
        seen['demos'] = demos
        return Page()

    def launch(_: Page, host: str, port: int, limits: Any) -> str:
        seen.update(host=host, port=port, limits=limits)
        return 'http://here'

    monkeypatch.setattr(page_module, 'build_page', build)
    monkeypatch.setattr(page_module, 'launch', launch)
    monkeypatch.setenv('GRADIO_TEMP_DIR', 'set by the command')
    return seen


def test_several_models(
    host_test: Get,
    launched: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    models = [
        f'{task}={host_test(task).checkpoint}'
        for task in ('segmentation', 'action')
    ]
    assert main(['serve', *models, '--device', 'cpu', '--max-mib', '5']) == 0
    first, second = launched['demos']
    assert (first.task, second.task) == ('segmentation', 'action')
    assert (first.notice, launched['host']) == ('', '127.0.0.1')
    assert launched['limits'].mib == first.limits.mib == 5
    assert launched['examples']
    assert launched['closed']
    # They were drawn for the time of the page.
    assert not first.examples[0].exists()
    assert second.examples[0].suffix == '.mp4'
    assert 'serving at http://here' in capsys.readouterr().out


def test_the_model_of_the_quickstart(
    host_test: Get,
    launched: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = host_test('detection').checkpoint
    monkeypatch.setenv(serve.QUICKSTART, str(tmp_path))
    assert main(['serve']) == 1
    errors = capsys.readouterr().err
    assert '`bash quickstart.sh` in a clone trains it' in errors
    (tmp_path / 'epoch_10.pth').write_bytes(weights.read_bytes())
    assert main(['serve', '--device', 'cpu']) == 0
    (demo,) = launched['demos']
    assert demo.notice == serve.NOTICE
    assert main(['serve', '--weights', str(weights), '--device', 'cpu']) == 0
    assert launched['demos'][0].notice == ''


@pytest.mark.parametrize(
    ('words', 'error'),
    [
        (['text'], "unknown task 'text'; choose one of"),
        (['pose', 'pose=a.pth'], 'pose is named twice'),
        (['pose', 'action', '--weights', 'a'], 'are for a single TASK'),
        (['action', '--detector', 'a'], '--detector is for pose'),
        (['--max-mib', '0'], 'mib must be >= 1'),
        (['action=none.pth'], "'none.pth' is no file"),
    ],
)
def test_what_is_refused(
    words: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('gradio')
    pytest.importorskip('mmaction')
    assert main(['serve', *words]) == 1
    assert error in capsys.readouterr().err
