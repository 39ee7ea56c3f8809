"""``uniformer-mm reproduce``: do again the step whose numbers went wrong."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from uniformer_mm.engine.reproduce import reproduce

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'reproduce',
        help='do again the training step whose numbers went wrong',
        description='Do a training step again, with the batch, the weights '
        'and the random state that uniformer_mm.NonFiniteHook kept, and say '
        'what is not finite first. Nothing in the file is run.',
    )
    parser.add_argument(
        'file', type=Path, help='non_finite_iter_N_rank_R.pth of a work folder'
    )
    parser.add_argument(
        '--config',
        type=Path,
        help='that of the training, where it has parts of your own (it runs, '
        'as any config does); default: the one in the file',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what is not finite first; return 1 where all is finite.

    Raises:
        OSError: The file can't be read.
        ValueError: It is another file, or needs what is not there.
    """
    step = reproduce(args.file, args.config)
    print(f'iteration {step.iteration}: {step.what} was not finite')
    for name in step.files:
        print(f'sample: {name}')
    for note in step.notes:
        print(f'done again {note}')
    print(f'first bad: {step.first_bad or "nothing; all is finite here"}')
    return 0 if step.first_bad else 1
