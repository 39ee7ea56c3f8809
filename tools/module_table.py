"""Write the table of modules in docs/design.md from what they import.

Usage: python -m tools.module_table [--check]

A row is a file: what it imports of ours at module level, what it imports when
it is called, and the first line of its docstring. With --check nothing is
written, and the exit code is 1 if the table is out of date.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.generated import markdown_table, run

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'uniformer_mm'
DESIGN = ROOT / 'docs/design.md'
TOOL = 'tools.module_table'


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield (module, at module level) of every import in ``path``.

    ``from uniformer_mm.a import b`` is ``uniformer_mm.a.b`` where that is a
    module, else ``uniformer_mm.a``. What only type checkers import is not
    counted as at module level.

    Raises:
        ValueError: It imports relatively.
    """
    tree = ast.parse(path.read_text())
    later = {
        node
        for scope in ast.walk(tree)
        if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef))
        or (isinstance(scope, ast.If) and 'TYPE_CHECKING' in ast.dump(scope))
        for node in ast.walk(scope)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node not in later
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise ValueError(f'{path} imports relatively')
            for alias in node.names:
                name = f'{node.module}.{alias.name}'
                found = is_ours(name)
                yield name if found else node.module, node not in later


def is_ours(name: str) -> bool:
    """Whether there is a file of the package for a dotted name."""
    path = ROOT.joinpath(*name.split('.'))
    return name.startswith('uniformer_mm') and (
        path.with_suffix('.py').is_file() or (path / '__init__.py').is_file()
    )


def parts() -> dict[str, Path]:
    """Dotted name within the package -> file; a package has its own name."""
    names = {
        '.'.join(path.relative_to(PACKAGE).with_suffix('').parts): path
        for path in sorted(PACKAGE.rglob('*.py'))
    }
    return {
        name.removesuffix('.__init__'): path for name, path in names.items()
    }


def ours(path: Path, *, at_top: bool) -> list[str]:
    """Names, within the package, of what a file imports of it."""
    return sorted(
        {
            name.partition('.')[2]
            for name, first in imports(path)
            if name.startswith('uniformer_mm.') and first == at_top
        }
    )


def table() -> str:
    """The table, in Markdown."""
    rows = []
    for name, path in parts().items():
        text = ast.get_docstring(ast.parse(path.read_text())) or ''
        now, later = ours(path, at_top=True), ours(path, at_top=False)
        later = [other for other in later if other not in now]
        called = f'when called: {", ".join(later)}' if later else ''
        rows.append(
            {
                'module': f'`{name}`',
                'imports of ours': '; '.join(
                    filter(None, [', '.join(now), called])
                ),
                'what': text.partition('\n')[0].replace('``', '`'),
            }
        )
    return markdown_table(rows)


if __name__ == '__main__':
    sys.exit(run(DESIGN, TOOL, table()))
