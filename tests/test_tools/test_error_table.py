from __future__ import annotations

from tools import error_table
from tools.generated import filled


def test_the_table_of_errors_is_current() -> None:
    path, tool = error_table.INSTALL, error_table.TOOL
    assert filled(path, tool, error_table.table()) == path.read_text(), (
        f'run `python -m {tool}`'
    )


def test_every_error_is_explained() -> None:
    for line in error_table.table().splitlines():
        assert all(cell.strip() for cell in line.split('|')[1:4]), line
