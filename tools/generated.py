"""Text that tools write into Markdown files, between marks."""

from __future__ import annotations

from pathlib import Path

END = '<!-- end -->'


def mark(tool: str) -> str:
    """Return the line before what ``tool`` writes."""
    return f'<!-- begin: written by {tool} -->'


def markdown_table(rows: list[dict[str, str]]) -> str:
    """Rows as a padded table; columns that are empty throughout are left."""
    titles = [t for t in rows[0] if any(row[t] for row in rows)]
    lines = [titles, *([row[t] for t in titles] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
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
        ValueError: It has not both marks, once each.
    """
    text, begin = path.read_text(), mark(tool)
    before, found, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end or begin in after or END in after:
        raise ValueError(f'{path} must hold {begin!r} and {END!r}, once each')
    return f'{before}{begin}\n\n{content}\n\n{END}{after}'
