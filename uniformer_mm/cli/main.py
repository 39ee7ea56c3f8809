"""The verbs of ``uniformer-mm``, one module each."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

__all__ = ['main']

VERBS = (
    'check_data',
    'config',
    'convert',
    'doctor',
    'download',
    'export',
    'flops',
    'init',
    'inspect',
    'plot',
    'predict',
    'reproduce',
    'serve',
    'toy_data',
    'verify',
    'view',
    'weights',
)

# What MMEngine and mmdet are warned of, which who runs a command can't change.
OF_HOSTS = (
    'pkg_resources is deprecated',
    'To copy construct from a tensor',
    r'`torch\.cuda\.amp\.autocast\(args',
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: Arguments after the command's name; None takes the process's.

    Returns:
        int: Exit code; 1 for a refused input, whose reason goes to stderr.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog='uniformer-mm',
        description='Tools of the UniFormer suite for OpenMMLab.',
    )
    parser.add_argument(
        '--version', action='version', version=version('uniformer_mm')
    )
    subparsers = parser.add_subparsers(metavar='VERB', required=True)
    # A verb alone is imported alone: doctor runs where others can't.
    asked = [v for v in VERBS if words and words[0] == v.replace('_', '-')]
    for verb in asked or VERBS:
        import_module(f'uniformer_mm.cli.{verb}').add_parser(subparsers)
    args = parser.parse_args(words)
    for warning in OF_HOSTS:
        warnings.filterwarnings('ignore', warning)
    try:
        code: int = args.run(args)
    except BrokenPipeError:
        return 1
    except (ImportError, OSError, ValueError) as error:
        sys.stderr.write(f'uniformer-mm: {error}\n')
        return 1
    return code
