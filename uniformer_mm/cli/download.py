"""``uniformer-mm download``: one weight file, by name."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE, fetch

__all__ = ['add_parser', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'download',
        help='get a weight file and print its path',
        description=f'With the environment variable {WEIGHTS_VARIABLE} set '
        'to a folder, files are taken from there and nothing is downloaded; '
        'set to an http(s) address, they are downloaded from there. A broken '
        'download is continued.',
    )
    parser.add_argument(
        'name',
        help='as uniformer-mm weights lists it, a URL, or hf-hub:OWNER/NAME',
    )
    parser.add_argument(
        '--to',
        type=Path,
        metavar='FOLDER',
        help="where to put it; default: torch.hub's cache",
    )
    parser.add_argument(
        '--force',
        action='store_true',
        help='download it anew, and replace what is there',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fetch the file and print its path."""
    print(fetch(args.name, args.to, force=args.force))
    return 0
