"""``uniformer-mm config``: where the installed configs are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import uniformer_mm
from uniformer_mm.cli.extras import HOST_OF_FOLDER, advice

__all__ = ['add_parser', 'config_root', 'run']


def add_parser(verbs: Any) -> None:
    """Add the verb to the sub-parsers of ``uniformer-mm``."""
    parser = verbs.add_parser(
        'config',
        help='print the path of a config, or list them all',
        description='For use without a clone: mim train mmdet '
        '$(uniformer-mm config detection/uniformer_maskrcnn.py)',
    )
    parser.add_argument(
        'name', nargs='?', help='such as detection/uniformer_maskrcnn.py'
    )
    parser.set_defaults(run=run)


def config_root() -> Path:
    """Folder of the configs: in a wheel ``.mim``, in a clone beside us.

    Raises:
        FileNotFoundError: Neither is there.
    """
    package = Path(uniformer_mm.__file__).parent
    for root in (package / '.mim' / 'configs', package.parent / 'configs'):
        if root.is_dir():
            return root
    raise FileNotFoundError(
        f'no configs in {package / ".mim"} nor beside {package}; install '
        'uniformer_mm again'
    )


def run(args: argparse.Namespace) -> int:
    """Print one path, or all names; on stderr what runs it and is missing.

    Raises:
        ValueError: There is no config of that name.
    """
    root = config_root()
    names = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob('*.py')
        if '_base_' not in path.parts
    )
    if args.name is None:
        print('\n'.join(names))
        return 0
    if args.name not in names:
        raise ValueError(f'no config {args.name!r}; choose one of {names}')
    print(root / args.name)
    missing = advice([HOST_OF_FOLDER[Path(args.name).parts[0]], 'mim'])
    if missing:
        sys.stderr.write(f'uniformer-mm: to run it, {missing}\n')
    return 0
