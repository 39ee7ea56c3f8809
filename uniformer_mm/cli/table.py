"""Tables as all verbs print them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

__all__ = ['print_table']


def print_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Collection[str] = (),
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print a line per row, wrapped and coloured on terminals alone.

    Args:
        titles: Of the columns.
        rows: As many cells each.
        numbers: Titles of the columns that are set to the right.
        styles: First cell of a row -> how rich shows it.
    """
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(
            title,
            # A command or a name cut short is of no use.
            overflow='fold',
            no_wrap=title == titles[0],
            justify='right' if title in numbers else 'left',
        )
    for row in rows:
        table.add_row(*row, style=(styles or {}).get(row[0]))
    with console.capture() as captured:
        console.print(table)
    # rich pads every line to the longest.
    print('\n'.join(line.rstrip() for line in captured.get().splitlines()))
