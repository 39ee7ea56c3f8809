"""``uniformer-mm view``: what a model sees, as a picture or a video."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniformer_mm.cli.errors import reported
from uniformer_mm.hosts import TASK_HOSTS

if TYPE_CHECKING:
    from uniformer_mm.predict.items import Item
    from uniformer_mm.view import Panel, Viewer

__all__ = ['add_parser', 'run']

# What to look at -> the options that only some of them have.
WHAT = {
    'features': (),
    'attention': ('--point', '--frame', '--heads'),
    'rollout': ('--point', '--frame'),
    'cam': ('--class', '--box', '--method'),
}
VIDEO = '.mp4'
PICTURES = ('.bmp', '.jpeg', '.jpg', '.png', '.webp')
CLIP_RATE = 8.0  # frames per second; those of a clip are some of its video


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'view',
        help='show feature maps, attention, or what a class depends on',
        description='Panels side by side, on what the network gets of the '
        'input. Blocks are named stage3.2, from 0 on; stage3 is the last of '
        'its stage.',
    )
    parser.add_argument('task', choices=list(TASK_HOSTS))
    parser.add_argument(
        'input', metavar='INPUT', help='picture, video, URL; clip for action'
    )
    parser.add_argument('--what', choices=WHAT, default='attention')
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        help=f'{", ".join(PICTURES)}, or {VIDEO} for videos and clips',
    )
    model = parser.add_argument_group('model')
    model.add_argument(
        '--weights',
        help='name of `uniformer-mm weights`, path, URL or hf-hub:OWNER/NAME; '
        'default: a published model of the task',
    )
    model.add_argument('--config', help='default: follows from the weights')
    model.add_argument('--device', help='default: cuda if there is one')
    look = parser.add_argument_group('what to look at')
    look.add_argument(
        '--block',
        nargs='+',
        metavar='BLOCK',
        help='default: the last block of each stage',
    )
    look.add_argument(
        '--point',
        type=float,
        nargs=2,
        metavar=('X', 'Y'),
        help='attention and rollout: pixel of the picture (of a clip: of its '
        'frames as the network gets them); default: the middle, or the class '
        'token of light models; rollout: all tokens',
    )
    look.add_argument(
        '--frame', type=int, help='of a clip, where the point is'
    )
    look.add_argument(
        '--heads', action='store_true', help='attention: a panel per head'
    )
    look.add_argument(
        '--class',
        dest='name',
        metavar='NAME',
        help='cam: a class, or a keypoint for pose; default: the best',
    )
    look.add_argument(
        '--box',
        type=float,
        nargs=4,
        metavar=('X1', 'Y1', 'X2', 'Y2'),
        help='cam: the object or the region in question; pose: the person',
    )
    look.add_argument(
        '--method',
        choices=('layer-cam', 'grad-cam'),
        help='cam; default: layer-cam',
    )
    parser.add_argument(
        '--frame-step',
        type=int,
        default=1,
        help='take every so many-th frame of a video',
    )
    parser.add_argument(
        '--debug', action='store_true', help='show the traceback of an error'
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw, and return 1 if that failed."""
    return reported(lambda: _view(args), args.debug)


def _view(args: argparse.Namespace) -> int:
    suffix = args.out.suffix.lower()
    if suffix not in (*PICTURES, VIDEO):
        raise ValueError(
            f'--out must end in {", ".join((*PICTURES, VIDEO))}, got '
            f'{args.out}'
        )
    _check_options(args)
    from uniformer_mm.predict.files import write_picture
    from uniformer_mm.predict.loading import load
    from uniformer_mm.predict.video import VideoWriter
    from uniformer_mm.view import Viewer, frame_of, sheet_of

    options = {} if args.weights is None else {'weights': args.weights}
    viewer = Viewer(
        load(args.task, config=args.config, device=args.device, **options)
    )
    found = _panels(viewer, args)
    if suffix != VIDEO:
        _, panels = next(found)
        if next(found, None) is not None:
            raise ValueError(
                f'{args.input} is more than one picture: give --out a video '
                f'({VIDEO})'
            )
        write_picture(args.out, sheet_of(panels, args.frame))
        print(f'drawn: {args.out}')
        return 0
    video = None
    try:
        for item, panels in found:
            rate = item.rate or CLIP_RATE
            video = video or VideoWriter(args.out, rate)
            for i in range(len(panels[0].frames)):
                video.write(frame_of(panels, i))
    finally:
        if video:
            video.close()
    print(f'drawn: {args.out}')
    return 0


def _check_options(args: argparse.Namespace) -> None:
    """Refuse options that would be left out."""
    given = {
        '--point': args.point,
        '--frame': args.frame,
        '--heads': args.heads or None,
        '--class': args.name,
        '--box': args.box if args.task != 'pose' else None,
        '--method': args.method,
    }
    for option, value in given.items():
        if value is not None and option not in WHAT[args.what]:
            users = [
                what for what, options in WHAT.items() if option in options
            ]
            raise ValueError(
                f'{option} goes with --what {" or ".join(users)}, not with '
                f'{args.what}'
            )


def _panels(
    viewer: Viewer, args: argparse.Namespace
) -> Iterator[tuple[Item, list[Panel]]]:
    """Yield the panels of each picture, frame or clip."""
    point = tuple(args.point) if args.point else None
    box = tuple(args.box) if args.box else None
    is_pose = args.task == 'pose'
    for item in viewer.items(args.input, frame_step=args.frame_step):
        seen = viewer.see(item, box if is_pose else None)
        if args.what == 'features':
            panels = viewer.features(seen, args.block)
        elif args.what == 'attention':
            panels = viewer.attention(
                seen,
                point,
                frame=args.frame,
                blocks=args.block,
                heads=args.heads,
            )
        elif args.what == 'rollout':
            panels = viewer.rollout(
                seen, point, frame=args.frame, blocks=args.block
            )
        else:
            panels = viewer.cam(
                seen,
                args.name,
                box=None if is_pose else box,
                blocks=args.block,
                method=args.method or 'layer-cam',
                empty=item.frame is not None,
            )
        yield item, panels
