"""Configs as files: the changed keys over a base, or else the whole."""

from __future__ import annotations

import tempfile
import textwrap
from pathlib import Path
from typing import Any

from mmengine import Config

from uniformer_mm.swap.stock import path_of

__all__ = ['config_text']

WIDTH = 79


def config_text(config: Config, base: str, comments: list[str]) -> str:
    """Write a config that resolves to ``config``.

    Args:
        config: What it is to be.
        base: What ``_base_`` may name; '' if nothing.
        comments: Sentences for its head.

    Raises:
        ValueError: It has values that no text can hold.
    """
    lines = [
        line
        for comment in comments
        for line in textwrap.wrap(
            comment, WIDTH, initial_indent='# ', subsequent_indent='# '
        )
    ]
    head = '\n'.join(lines) + '\n'
    if base:
        whole = Config.fromfile(path_of(base), import_custom_modules=False)
        changed = _changes(whole.to_dict(), config.to_dict())
        leaf = f'_base_ = {base!r}\n\n'
        leaf += ''.join(
            f'{key} = {_literal(value, "")}\n'
            for key, value in changed.items()
        )
        if _resolves(leaf, config):
            return head + leaf
    text = str(config.pretty_text)
    if not _resolves(text, config):
        raise ValueError('the config holds values that no text can hold')
    return head + text


def _resolves(text: str, config: Config) -> bool:
    """Whether a text is that config, but for scopes, which ``::`` adds.

    MMEngine reads no ``::`` names with dots or signs in their folders.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'config.py'
        file.write_text(text, encoding='utf-8')
        try:
            read = Config.fromfile(file, import_custom_modules=False)
        except ValueError:
            return False
    return bool(_unscoped(read.to_dict()) == _unscoped(config.to_dict()))


def _unscoped(value: Any) -> Any:
    if isinstance(value, dict):
        items = value.items()
        return {k: _unscoped(v) for k, v in items if k != '_scope_'}
    if isinstance(value, (list, tuple)):
        return type(value)(_unscoped(item) for item in value)
    return value


def _changes(old: Any, new: Any) -> dict[str, Any]:
    """Keys of ``new`` that differ, with ``_delete_`` where some are gone."""
    changes = {}
    for key, value in new.items():
        before = old.get(key)
        if key in old and _same(before, value):
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            gone = set(before) - set(value)
            value = (
                {'_delete_': True, **value}
                if gone or before.get('type') != value.get('type')
                else _changes(before, value)
            )
        elif isinstance(value, dict) and key in old:
            # MMEngine merges no dict into a list, nor into None.
            value = {'_delete_': True, **value}
        changes[key] = value
    return changes


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _literal(value: Any, indent: str) -> str:
    """Python for a value, as people write configs."""
    short = _inline(value)
    if len(short) + len(indent) + 24 <= WIDTH or not value:
        return short
    inner = indent + '    '
    if isinstance(value, dict) and all(str(k).isidentifier() for k in value):
        parts = [f'{k}={_literal(v, inner)}' for k, v in value.items()]
        opening, closing = 'dict(', ')'
    elif isinstance(value, dict):
        parts = [f'{k!r}: {_literal(v, inner)}' for k, v in value.items()]
        opening, closing = '{', '}'
    elif isinstance(value, (list, tuple)):
        parts = [_literal(v, inner) for v in value]
        opening, closing = ('[', ']') if isinstance(value, list) else '()'
    else:
        return short
    body = ''.join(f'{inner}{part},\n' for part in parts)
    return f'{opening}\n{body}{indent}{closing}'


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        if all(str(key).isidentifier() for key in value):
            pairs = [f'{k}={_inline(v)}' for k, v in value.items()]
            return f'dict({", ".join(pairs)})'
        pairs = [f'{k!r}: {_inline(v)}' for k, v in value.items()]
        return f'{{{", ".join(pairs)}}}'
    if isinstance(value, (list, tuple)):
        inner = ', '.join(map(_inline, value))
        if isinstance(value, list):
            return f'[{inner}]'
        return f'({inner},)' if len(value) == 1 else f'({inner})'
    return repr(value)
