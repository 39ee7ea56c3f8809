"""``uniformer-mm serve``: a page in the browser to try models on."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniformer_mm.checks import check_choice
from uniformer_mm.cli.errors import reported
from uniformer_mm.hosts import TASK_HOSTS, import_extra
from uniformer_mm.memory import share_heap

if TYPE_CHECKING:
    from uniformer_mm.serve.demo import Demo
    from uniformer_mm.serve.limits import Limits

__all__ = ['add_parser', 'run']

TASKS = list(TASK_HOSTS)
QUICKSTART = 'UNIFORMER_MM_WORK_DIR'  # where quickstart.sh trains
NOTICE = (
    'this is the model of `quickstart.sh`, trained for some minutes on drawn '
    'circles, squares and triangles. It knows nothing else.'
)
LOOPBACK = '127.0.0.1'


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'serve',
        help='try models in the browser',
        description='A page on this machine: upload a picture or a clip, see '
        'the answer, click on a point to see what it attends to. Nothing is '
        'sent anywhere.',
    )
    parser.add_argument(
        'models',
        nargs='*',
        metavar='TASK[=WEIGHTS]',
        help=f'{", ".join(TASKS)}, a tab each; weights as for predict; '
        'default: detection with the model of quickstart.sh',
    )
    parser.add_argument('--weights', help='of a single TASK')
    parser.add_argument(
        '--config', help='of a single TASK; default: follows from the weights'
    )
    parser.add_argument(
        '--detector',
        help='pose: weights of the detector that finds persons; without it '
        'whole pictures are taken',
    )
    parser.add_argument('--device', help='default: cuda if there is one')
    parser.add_argument(
        '--host',
        default=LOOPBACK,
        help='address to listen on; default: this machine alone. There is no '
        'password: whoever reaches it may use it',
    )
    parser.add_argument('--port', type=int, default=7860)
    for name, number, what in (
        ('mib', 32, 'size of a file in MiB'),
        ('megapixels', 25, 'million pixels of a picture'),
        ('frames', 900, 'frames of a clip'),
        ('waiting', 8, 'requests that may wait; more are refused'),
    ):
        parser.add_argument(
            f'--max-{name}',
            type=int,
            default=number,
            help=f'{what} ({number})',
        )
    parser.add_argument(
        '--debug', action='store_true', help='show the traceback of an error'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C, and return 1 if that can't be."""
    return reported(lambda: _serve(args), args.debug)


def _serve(args: argparse.Namespace) -> int:
    models = _models(args)
    share_heap()
    import_extra('gradio')
    from uniformer_mm.serve.limits import Limits

    limits = Limits(
        args.max_mib, args.max_megapixels, args.max_frames, args.max_waiting
    )
    with tempfile.TemporaryDirectory(prefix='uniformer-mm-') as folder:
        # Uploads go where they are removed at the end.
        os.environ['GRADIO_TEMP_DIR'] = str(Path(folder, 'uploads'))
        demos = _demos(args, models, limits, Path(folder, 'examples'))
        from uniformer_mm.serve.page import build_page, launch

        page = build_page(demos)
        address = launch(page, args.host, args.port, limits)
        print(f'serving at {address} until Ctrl-C', flush=True)
        try:
            page.block_thread()
        finally:
            page.close()
    return 0


def _models(args: argparse.Namespace) -> dict[str, str | None]:
    """Return task -> weights, None for the default."""
    models: dict[str, str | None] = {}
    for word in args.models or ['detection']:
        task, _, weights = word.partition('=')
        check_choice('task', task, TASKS)
        if task in models:
            raise ValueError(f'{task} is named twice; one model per task')
        models[task] = weights or None
    if (args.weights or args.config) and len(models) > 1:
        raise ValueError(
            '--weights and --config are for a single TASK; with several, '
            'write TASK=WEIGHTS'
        )
    if args.weights:
        models = dict.fromkeys(models, args.weights)
    if args.detector and 'pose' not in models:
        raise ValueError('--detector is for pose')
    return models


def _demos(
    args: argparse.Namespace,
    models: dict[str, str | None],
    limits: Limits,
    folder: Path,
) -> list[Demo]:
    from uniformer_mm.predict.loading import DEFAULT_WEIGHTS, load
    from uniformer_mm.serve.card import card_of
    from uniformer_mm.serve.demo import Demo
    from uniformer_mm.serve.examples import draw_examples

    demos = []
    pictures, clips = draw_examples(folder)
    for task, given in models.items():
        notice = ''
        weights = given or DEFAULT_WEIGHTS[task]
        if given is None and task == 'detection':
            weights, notice = str(_quickstart()), NOTICE
        options = {'detector': args.detector} if task == 'pose' else {}
        sys.stderr.write(f'loading {task} from {weights}\n')
        predictor = load(
            task,
            config=args.config,
            weights=weights,
            device=args.device,
            **options,
        )
        demos.append(
            Demo(
                predictor,
                card_of(predictor, weights),
                limits,
                clips if task == 'action' else pictures,
                notice,
                finds_persons=bool(args.detector),
            )
        )
    return demos


def _quickstart() -> Path:
    folder = Path(os.environ.get(QUICKSTART, 'work_dirs/quickstart'))
    path = folder / 'epoch_10.pth'
    if not path.is_file():
        raise FileNotFoundError(
            f'no --weights, and no model of the quickstart at {path}: '
            '`bash quickstart.sh` in a clone trains it in some minutes; or '
            'give --weights FILE'
        )
    return path
