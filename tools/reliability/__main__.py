"""Read reports of the tests and write their figures; `.ci/nightly` calls it.

Usage: python -m tools.reliability [--keep] REPORT.xml...
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.generated import filled
from tools.reliability.figures import figures_of, read, write
from tools.reliability.table import DOCUMENT, TOOL, table


def main(argv: list[str] | None = None) -> int:
    """Return 1 if anything went wrong, or nothing was tried."""
    parser = argparse.ArgumentParser(prog='python -m tools.reliability')
    parser.add_argument('reports', type=Path, nargs='+')
    parser.add_argument(
        '--keep',
        action='store_true',
        help='keep the figures of kinds that these reports have none of',
    )
    args = parser.parse_args(argv)
    figures = figures_of(*args.reports)
    before = {figure.kind: figure for figure in read()} if args.keep else {}
    write(
        figure if figure.tried else before.get(figure.kind, figure)
        for figure in figures
    )
    DOCUMENT.write_text(filled(DOCUMENT, TOOL, table(read())))
    tried = any(figure.tried for figure in figures)
    return int(not tried or any(figure.wrong for figure in figures))


if __name__ == '__main__':
    sys.exit(main())
