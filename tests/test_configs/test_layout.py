"""How configs are put together: short chains, and steps by their names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.recipe import CONFIGS

FILES = sorted(CONFIGS.glob('**/*.py'))
LEAVES = [path for path in FILES if '_base_' not in path.parts]
RUNTIME = CONFIGS / '_base_' / 'runtime.py'
# Over a host's config that imports, beside which there can be no such base.
OWN_RUNTIME = {'mask2former_uniformer-s_160k_ade20k'}


def own_bases(path: Path) -> list[Path]:
    """The bases that are files of ours, not of a host."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == (
            '_base_'
        ):
            bases = ast.literal_eval(node.value)
            names = [bases] if isinstance(bases, str) else bases
            ours = [name for name in names if '::' not in name]
            return [(path.parent / name).resolve() for name in ours]
    return []


def chains(path: Path) -> list[list[Path]]:
    """All ways from a config to its last bases."""
    further = [chain for base in own_bases(path) for chain in chains(base)]
    return [[path, *chain] for chain in further] or [[path]]


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_the_last_base_is_at_most_three_steps_away(path: Path) -> None:
    for chain in chains(path):
        assert len(chain) - 1 <= 3, ' <- '.join(p.stem for p in chain)


def assigned(path: Path) -> dict[str, str]:
    """Source of what a file assigns to names."""
    return {
        ast.unparse(target): ast.unparse(node.value)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
    }


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_the_runtime_is_one_of_the_bases(path: Path) -> None:
    if path.stem in OWN_RUNTIME:
        ours, common = assigned(path), assigned(RUNTIME)
        assert ours['runner_type'] == common['runner_type']
        assert "'uniformer_mm'" in ours['custom_imports']
        return
    assert RUNTIME in {base for chain in chains(path) for base in chain}


def test_every_base_is_used() -> None:
    used = {p for path in LEAVES for chain in chains(path) for p in chain}
    assert used == set(FILES)


def by_number(node: ast.AST) -> bool:
    """Whether an expression takes a part of a list by its place."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ('insert', 'pop')
    if not isinstance(node, ast.Subscript):
        return False
    # Warm-up and decay; no list of steps.
    if ast.unparse(node.value) == '_base_.param_scheduler':
        return False
    names = isinstance(node.slice, ast.Constant) and isinstance(
        node.slice.value, str
    )
    return not names


@pytest.mark.parametrize(
    'path', FILES, ids=lambda path: path.relative_to(CONFIGS).as_posix()
)
def test_no_step_is_taken_by_its_number(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text()))
    assert [ast.unparse(node) for node in nodes if by_number(node)] == []
