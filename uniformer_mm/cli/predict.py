"""``uniformer-mm predict``: pictures and videos in, results out."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from uniformer_mm.cli.bar import progress_bar
from uniformer_mm.cli.errors import reported
from uniformer_mm.cli.names import read_names
from uniformer_mm.hosts import TASK_HOSTS

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'predict',
        help='run a model on pictures or videos',
        description='Write annotated pictures and videos, label maps and '
        "json below a folder, as they come. An input that can't be read is "
        'told and left out, and the exit code is 1.',
    )
    parser.add_argument('task', choices=list(TASK_HOSTS))
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help='file, folder, glob, http(s) URL, or number of a camera',
    )
    parser.add_argument(
        '--out', type=Path, required=True, help='a folder without results'
    )
    model = parser.add_argument_group('model')
    model.add_argument(
        '--weights',
        help='name of `uniformer-mm weights`, path, URL or hf-hub:OWNER/NAME; '
        'default: a published model of the task',
    )
    model.add_argument(
        '--config',
        help='path, or name of `uniformer-mm config`; default: the one that '
        'follows from the weights',
    )
    model.add_argument(
        '--names', type=Path, help='text file with a class name per line'
    )
    model.add_argument('--device', help='default: cuda if there is one')
    model.add_argument(
        '--precision', choices=('fp32', 'fp16', 'bf16'), default='fp32'
    )
    model.add_argument(
        '--ema',
        action=argparse.BooleanOptionalAction,
        help='take the averaged or the raw weights of a training file',
    )
    run_group = parser.add_argument_group('run')
    run_group.add_argument('--batch-size', type=int, default=1)
    run_group.add_argument(
        '--threshold',
        type=float,
        help='least score; default: 0.3 for detection and pose, else 0',
    )
    run_group.add_argument(
        '--frame-step',
        type=int,
        default=1,
        help='take every so many-th frame of a video',
    )
    run_group.add_argument(
        '--no-pictures',
        action='store_true',
        help='write no annotated pictures and videos',
    )
    run_group.add_argument(
        '--debug',
        action='store_true',
        help='stop at the first error, with its traceback',
    )
    pose = parser.add_argument_group('pose')
    pose.add_argument(
        '--detector', help='weights of the detector that finds persons'
    )
    pose.add_argument(
        '--person',
        default='person',
        help="the detector's class that has the keypoints",
    )
    pose.add_argument(
        '--boxes',
        help='predictions.json of a detection, or any COCO file, in place of '
        "a detector; or 'whole' for whole pictures",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict, write, and return 1 if anything failed."""
    try:
        return reported(lambda: _predict(args), args.debug)
    except KeyboardInterrupt:
        sys.stderr.write('uniformer-mm: stopped; results so far are kept\n')
        return 130


def _predict(args: argparse.Namespace) -> int:
    # FFmpeg's own lines; what can't be read is told by name.
    os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
    from uniformer_mm.predict.items import count_items
    from uniformer_mm.predict.loading import load
    from uniformer_mm.predict.sources import find_sources
    from uniformer_mm.predict.write import ResultWriter

    options: dict[str, Any] = {}
    if args.task == 'pose':
        options = {'detector': args.detector, 'person': args.person}
    elif args.detector or args.boxes or args.person != 'person':
        raise ValueError(
            f'--detector, --person and --boxes are for pose, not {args.task}'
        )
    predictor = load(
        args.task,
        config=args.config,
        weights=args.weights,
        device=args.device,
        precision=args.precision,
        names=args.names and read_names(args.names),
        ema=args.ema,
        **options,
    )
    clips = args.task == 'action'
    sources = find_sources(args.inputs, clips=clips)
    results = predictor.predict_sources(
        sources,
        batch_size=args.batch_size,
        threshold=args.threshold,
        frame_step=args.frame_step,
        boxes=_boxes(args.boxes, args.person),
        on_error='raise' if args.debug else 'result',
    )
    total = count_items(sources, clips=clips, step=args.frame_step)
    done = failed = 0
    writer = ResultWriter(
        args.out, args.task, predictor.legend, pictures=not args.no_pictures
    )
    with closing(writer):
        for result in _with_bar(results, total):
            writer.write(result)
            done += 1
            if result.error:
                failed += 1
                sys.stderr.write(
                    f'uniformer-mm: {result.name}: {result.error}\n'
                )
    print(f'{done - failed} results in {args.out}, {failed} failed')
    return int(failed > 0)


def _with_bar(results: Iterable[Any], total: int | None) -> Iterator[Any]:
    """Yield results, and show how many there are, and how long it takes."""
    with progress_bar() as bar:
        task = bar.add_task('predict', total=total)
        for result in results:
            yield result
            bar.advance(task)


def _boxes(source: str | None, person: str) -> Any:
    """Return boxes of persons by names of pictures, from a COCO file.

    Raises:
        ValueError: It is no such file, or has no such category.
    """
    if source in (None, 'whole'):
        return source
    try:
        told = json.loads(Path(str(source)).read_text(encoding='utf-8'))
        names = {image['id']: image['file_name'] for image in told['images']}
        ids = {c['id'] for c in told['categories'] if c['name'] == person}
        found: dict[str, list[Any]] = {name: [] for name in names.values()}
        for one in told['annotations']:
            x, y, w, h = one['bbox']
            if one['category_id'] in ids:
                boxes = found[names[one['image_id']]]
                boxes.append((x, y, x + w, y + h))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f'--boxes {source} is no COCO file with images, categories and '
            f'annotations: {type(error).__name__} {error}'
        ) from error
    if not ids:
        known = [category['name'] for category in told['categories']]
        raise ValueError(
            f'--boxes {source} has no category {person!r}; choose one by '
            f'--person: {known}'
        )
    return found
