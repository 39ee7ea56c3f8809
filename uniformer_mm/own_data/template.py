"""Our templates of configs, with their first lines filled in."""

from __future__ import annotations

import ast
import pprint
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uniformer_mm.configs import config_root

__all__ = ['MARK', 'fill_template']

MARK = '# ----'


def fill_template(name: str, values: Mapping[str, Any], title: str) -> str:
    """Return the text of a config.

    Args:
        name: Of the template, such as
            'detection/mask-rcnn_uniformer-s-h14_1x_custom.py'.
        values: What its lines up to the mark assign -> what they shall.
        title: First line, a comment.

    Raises:
        KeyError: The template assigns no such name there.
    """
    path = config_root() / name
    text = path.read_text(encoding='utf-8')
    place = text.index(f'\n{MARK}') + 1
    head, body = text[:place], text[place:]
    lines = head.splitlines(keepends=True)
    left = dict(values)
    # From the last on, so that numbers of lines stay true.
    for node in reversed(ast.parse(head).body):
        if not isinstance(node, ast.Assign):
            continue
        names = _names(node.targets[0])
        if names == ['_base_']:
            new = [_absolute(path, ast.literal_eval(node.value))]
        elif set(names) <= set(left):
            new = [left.pop(name) for name in names]
        else:
            continue
        last = node.end_lineno or node.lineno
        line = lines[last - 1]
        after = line[len(line.encode()[: node.end_col_offset].decode()) :]
        lines[node.lineno - 1 : last] = [_assigned(names, new) + after]
    if left:
        raise KeyError(f'{path} assigns no {sorted(left)} above its mark')
    # The template's own title tells how to do what was done here.
    start = next(i for i, line in enumerate(lines) if line[0] != '#')
    return f'# {title}\n' + ''.join(lines[start:]) + body


def _names(target: ast.expr) -> list[str]:
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _absolute(path: Path, bases: Any) -> Any:
    def one(base: str) -> str:
        if '::' in base:
            return base
        return (path.parent / base).resolve().as_posix()

    return one(bases) if isinstance(bases, str) else [one(b) for b in bases]


def _assigned(names: list[str], values: list[Any]) -> str:
    shown = [pprint.pformat(v, width=76, sort_dicts=False) for v in values]
    return f'{", ".join(names)} = {", ".join(shown)}'
