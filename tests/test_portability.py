"""What would fail on Windows or macOS alone, seen from here."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import pytest
from mmengine import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from tools import module_table

ROOT = Path(__file__).parents[1]
SOURCES = [*module_table.parts().values(), *ROOT.glob('uniformer_mm_*.py')]
READERS = {'open', 'read_text', 'write_text'}
# Whose functions of these names open no text, or in UTF-8.
OTHERS = {'Image', 'files', 'opener', 'os'}
# Modules that Windows has not.
POSIX = {'fcntl', 'grp', 'posix', 'pwd', 'resource', 'termios'}


def calls_without_encoding(tree: ast.AST) -> list[int]:
    """Lines that open text in the encoding of the machine."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, 'attr', getattr(node.func, 'id', ''))
        owner = getattr(getattr(node.func, 'value', None), 'id', '')
        kinds = (ast.Constant, ast.JoinedStr)
        words = [ast.unparse(a) for a in node.args if isinstance(a, kinds)]
        is_binary = name == 'open' and any('b' in word for word in words)
        given = any(keyword.arg == 'encoding' for keyword in node.keywords)
        if (
            name in READERS
            and owner not in OTHERS
            and not (is_binary or given)
        ):
            found.append(node.lineno)
    return found


def imports_of_posix(tree: ast.Module) -> list[int]:
    """Lines that import at once what Windows has not."""
    return [
        node.lineno
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and {
            *(alias.name for alias in node.names),
            getattr(node, 'module', ''),
        }
        & POSIX
    ]


def test_the_checks_find_what_they_look_for() -> None:
    binary = '\nopen(d, "rb")\nos.open(e, 0)'
    text = 'import fcntl\nopen(a)\nb.read_text()\nc.open("w")' + binary
    assert calls_without_encoding(ast.parse(text)) == [2, 3, 4]
    assert imports_of_posix(ast.parse(text)) == [1]


@pytest.mark.parametrize('path', SOURCES, ids=lambda p: p.stem)
def test_the_machine_chooses_no_encoding(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding='utf-8'))
    assert calls_without_encoding(tree) == []
    assert imports_of_posix(tree) == []


@pytest.mark.parametrize(
    'path',
    sorted(ROOT.glob('configs/*/*toy.py')),
    ids=lambda path: f'{path.parent.name}-{path.stem}',
)
def test_workers_that_are_spawned_get_the_pipelines(path: Path) -> None:
    config = Config.fromfile(path)
    pytest.importorskip(f'{config.default_scope}.datasets')
    for split in ('train', 'val'):
        steps = config[f'{split}_dataloader'].dataset.pipeline
        with DefaultScope.overwrite_default_scope(config.default_scope):
            pipeline = Compose(steps)
        assert repr(pickle.loads(pickle.dumps(pipeline))).count('\n') > 3
