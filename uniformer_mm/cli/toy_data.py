"""``uniformer-mm toy-data``: draw the small data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from uniformer_mm.toy_data import CLASSES, ToyDataSpec, make_toy_data

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'toy-data',
        help='draw a small data set of shapes',
        description='Draw images of shapes with boxes, polygons, masks and '
        'keypoints in the formats of COCO and ADE20K, pictures of one shape '
        'in a folder for each class, and clips of moving shapes with their '
        'labels.',
    )
    default = ToyDataSpec()
    parser.add_argument('root', type=Path, help='folder to make')
    for name, what in (
        ('train', 'number of training images'),
        ('val', 'number of validation images'),
        ('size', 'side of images and clips in pixels'),
        ('seed', 'another seed draws other images and clips'),
        ('train-clips', 'number of training clips'),
        ('val-clips', 'number of validation clips'),
    ):
        number = getattr(default, name.replace('-', '_'))
        parser.add_argument(
            f'--{name}', type=int, default=number, help=f'{what} ({number})'
        )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw the data set, or say that it is there."""
    spec = ToyDataSpec(
        train=args.train,
        val=args.val,
        size=args.size,
        seed=args.seed,
        train_clips=args.train_clips,
        val_clips=args.val_clips,
    )
    made = make_toy_data(args.root, spec)
    print(
        f'{"made" if made else "kept"} {args.root}: {spec.train} training and '
        f'{spec.val} validation images, {spec.train_clips} and '
        f'{spec.val_clips} clips, of {spec.size} px, classes '
        f'{", ".join(CLASSES)}'
    )
    return 0
