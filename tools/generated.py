"""Text that tools write into Markdown files, between marks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

END = '<!-- end -->'


def mark(tool: str) -> str:
    """Return the line before what ``tool`` writes."""
    return f'<!-- begin: written by {tool} -->'


def markdown_table(rows: list[dict[str, str]]) -> str:
    """Rows as a padded table; columns that are empty throughout are left."""
    titles = [t for t in rows[0] if any(row[t] for row in rows)]
    lines = [titles, *([row[t] for t in titles] for row in rows)]
    # At least three, as mdformat writes it.
    widths = [max(3, *map(len, c)) for c in zip(*lines, strict=True)]
    lines.insert(1, ['-' * width for width in widths])
    return '\n'.join(
        '| '
        + ' | '.join(c.ljust(w) for c, w in zip(line, widths, strict=True))
        + ' |'
        for line in lines
    )


def filled(path: Path, tool: str, content: str) -> str:
    """Text of the file at ``path`` with ``content`` between the marks.

    Raises:
        ValueError: It has not the first mark, once, and an end behind it.
    """
    text, begin = path.read_text(), mark(tool)
    before, found, rest = text.partition(begin)
    old, end, after = rest.partition(END)
    if not found or not end or begin in rest or '<!-- begin' in old:
        raise ValueError(f'{path} must hold {begin!r}, once, and {END!r}')
    return f'{before}{begin}\n\n{content}\n\n{END}{after}'


def run(path: Path, tool: str, content: str) -> int:
    """Be the command of a tool that fills one file; return the exit code.

    With --check nothing is written, and the code is 1 if the file is out of
    date.
    """
    parser = argparse.ArgumentParser(prog=f'python -m {tool}')
    parser.add_argument('--check', action='store_true')
    return write(path, tool, content, parser.parse_args().check)


def write(path: Path, tool: str, content: str, check: bool) -> int:
    """Fill the file at ``path``, or with ``check`` compare it; see ``run``."""
    text = filled(path, tool, content)
    stale = text != path.read_text()
    if stale and check:
        sys.stderr.write(f'{path} is out of date; run `python -m {tool}`\n')
        return 1
    if stale:
        path.write_text(text)
    return 0
