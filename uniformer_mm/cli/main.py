"""Entry point of the command ``uniformer-mm``; one module per verb."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from uniformer_mm.cli import config, doctor, toy_data

__all__ = ['main']


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: Arguments after the command's name; None takes the process's.

    Returns:
        int: Exit code; 1 for a refused input, whose reason goes to stderr.
    """
    parser = argparse.ArgumentParser(
        prog='uniformer-mm',
        description='Tools of the UniFormer suite for OpenMMLab.',
    )
    parser.add_argument(
        '--version', action='version', version=version('uniformer_mm')
    )
    verbs = parser.add_subparsers(metavar='VERB', required=True)
    for verb in (config, doctor, toy_data):
        verb.add_parser(verbs)
    args = parser.parse_args(argv)
    try:
        code: int = args.run(args)
    except (OSError, ValueError) as error:
        sys.stderr.write(f'uniformer-mm: {error}\n')
        return 1
    return code
