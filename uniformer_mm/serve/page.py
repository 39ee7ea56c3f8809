"""The page, by Gradio: a tab per model, over what ``Demo`` does."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from uniformer_mm.hosts import import_extra
from uniformer_mm.serve.demo import COLUMNS, Demo
from uniformer_mm.serve.examples import thumbnail
from uniformer_mm.serve.limits import Limits, suffixes_of

__all__ = ['build_page', 'launch']

INTRO = """# UniFormer
Choose a picture (a clip for action), or an example. Then click on a point of
the answer: panels show what it attends to."""
THRESHOLD = 0.3
# Gradio keeps 60 KiB for each visitor, by default for 10,000 of them; this
# page has no state that would be lost.
SESSIONS = 100
WITH_THRESHOLD = ('detection', 'pose')


def build_page(demos: Sequence[Demo]) -> Any:
    """Return a ``gradio.Blocks``, to be launched.

    Its API has an endpoint per task, and one for attention:
    ``/detection(file, threshold)``, ``/detection_attention(file, x, y)``.

    Args:
        demos: At least one; a task at most once.

    Raises:
        ImportError: Gradio is not installed.
    """
    # For parts of Gradio that no argument reaches.
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    gradio = import_extra('gradio')
    waiting = demos[0].limits.waiting
    hours = 3600
    with gradio.Blocks(
        title='UniFormer',
        analytics_enabled=False,
        delete_cache=(hours, hours),  # uploads and answers
    ) as page:
        gradio.Markdown(INTRO)
        for demo in demos:
            with gradio.Tab(demo.task.capitalize()):
                _Tab(gradio, demo)
    page.queue(max_size=waiting, default_concurrency_limit=1)
    return page


class _Tab:
    """The parts of one model, and what happens when."""

    def __init__(self, gradio: Any, demo: Demo) -> None:
        self.gradio = gradio
        self.demo = demo
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        gr, demo, task = self.gradio, self.demo, self.demo.task
        if demo.notice:
            gr.Markdown(f'**Note:** {demo.notice}')
        with gr.Row():
            with gr.Column(scale=1):
                self.file = gr.File(
                    label=f'{"Clip" if task == "action" else "Picture"}, up '
                    f'to {demo.limits.mib} MiB',
                    file_types=list(suffixes_of(task)),
                    height=140,
                    elem_id=f'{task}-file',
                )
                _refuse_addresses(gr, self.file)
                self.examples = gr.Gallery(
                    [(thumbnail(path), None) for path in demo.examples],
                    label='Examples',
                    columns=3,
                    height=130,
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    visible=bool(demo.examples),
                    elem_id=f'{task}-examples',
                )
                self.threshold = gr.Slider(
                    0,
                    1,
                    THRESHOLD,
                    step=0.05,
                    label='Least score',
                    visible=task in WITH_THRESHOLD,
                    elem_id=f'{task}-threshold',
                )
                self.table = gr.Dataframe(
                    headers=list(COLUMNS[task]),
                    label='Found',
                    interactive=False,
                    elem_id=f'{task}-table',
                )
            with gr.Column(scale=2):
                self.picture = gr.Image(
                    label='Answer: click on a point',
                    interactive=False,
                    height=420,
                    buttons=['download', 'fullscreen'],
                    elem_id=f'{task}-answer',
                )
                with gr.Row():
                    self.x = gr.Number(label='x', precision=0, minimum=0)
                    self.y = gr.Number(label='y', precision=0, minimum=0)
                    self.look = gr.Button('Attention of this point')
                self.panels = gr.Image(
                    label='Attention',
                    interactive=False,
                    buttons=['download', 'fullscreen'],
                    elem_id=f'{task}-attention',
                )
        with gr.Accordion('About this model', open=False):
            gr.Markdown(demo.card)

    def _connect(self) -> None:
        demo, task = self.demo, self.demo.task
        answer = {
            'fn': _guarded(self.gradio, demo.answer),
            'inputs': [self.file, self.threshold],
            'outputs': [self.picture, self.table],
            'concurrency_id': 'model',
        }
        attention = {
            'fn': _guarded(self.gradio, demo.attention),
            'inputs': [self.file, self.x, self.y],
            'outputs': self.panels,
            'concurrency_id': 'model',
        }
        # What belongs to the file before, which an error would leave there.
        outputs = [self.picture, self.table, self.x, self.y, self.panels]
        clear = {'fn': lambda: [None] * len(outputs), 'outputs': outputs}
        hidden = {'api_visibility': 'private'}

        # Gradio gives an event to the argument that is annotated so.
        def choose(event: Any) -> str:
            return str(demo.examples[event.index])

        def point(event: Any) -> tuple[int, int]:
            left, top = event.index
            return left, top

        for function in (choose, point):
            function.__annotations__['event'] = self.gradio.SelectData
        self.file.upload(**clear, **hidden).then(**answer, api_name=task)
        self.examples.select(choose, None, self.file, **hidden).then(
            **clear, **hidden
        ).then(**answer, **hidden)
        self.threshold.release(**answer, **hidden)
        self.picture.select(point, None, [self.x, self.y], **hidden).then(
            **attention, **hidden
        )
        self.look.click(**attention, api_name=f'{task}_attention')


def _refuse_addresses(gradio: Any, file: Any) -> None:
    """Let nobody make this machine download, which nothing would limit.

    Gradio fetches a file that a client names by its URL.
    """
    keep = file.async_move_resource_to_block_cache

    async def keep_upload(path: Any) -> Any:
        if str(path).lower().startswith(('http:', 'https:')):
            raise gradio.Error(
                'send the file itself, not an address', print_exception=False
            )
        return await keep(path)

    file.async_move_resource_to_block_cache = keep_upload


def _guarded(gradio: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let errors be told on the page, and never as tracebacks."""

    @functools.wraps(function)  # the API has its names
    def run(path: str | None, *numbers: float | None) -> Any:
        try:
            if path is None:
                raise ValueError('choose a file, or an example, first')
            if None in numbers:
                raise ValueError('choose a point: click on the answer')
            return function(path, *numbers)
        except (ValueError, TypeError, OSError) as error:
            told = str(error)
        except Exception as error:
            told = 'the model failed; the log of the server says how'
            sys.stderr.write(f'uniformer-mm serve: {error!r}\n')
        raise gradio.Error(told, print_exception=False)

    return run


def launch(page: Any, host: str, port: int, limits: Limits) -> str:
    """Start to serve, in threads of this process.

    Args:
        page: What ``build_page`` returned.
        host: Address to listen on.
        port: 0 takes a free one.
        limits: Of uploads.

    Returns:
        str: The address of the page.

    Raises:
        OSError: The port is taken.
    """
    _, address, _ = page.launch(
        server_name=host,
        server_port=port or None,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        max_file_size=f'{limits.mib}mb',
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        footer_links=['api'],
        show_error=False,
        state_session_capacity=SESSIONS,
    )
    return str(address)
