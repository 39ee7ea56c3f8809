"""Nothing of ours runs text, opens a pickle freely or asks a shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    'builtins.eval',
    'builtins.exec',
    'eval',
    'exec',
    'marshal.loads',
    'os.popen',
    'os.system',
    'pickle.load',
    'pickle.loads',
    'pickle.Unpickler',
    'shelve.open',
    'yaml.load',
}
FILES = sorted(
    path
    for folder in ('uniformer_mm', 'tools', 'benchmarks', '.')
    for path in (ROOT / folder).glob('*.py' if folder == '.' else '**/*.py')
)


def unsafe(source: str) -> Iterator[str]:
    """Name the calls that could run what somebody else wrote."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in FORBIDDEN:
            yield f'{node.lineno}: {name}'
        for word in node.keywords:
            shell = word.arg == 'shell' and ast.unparse(word.value) != 'False'
            freely = word.arg == 'weights_only'
            if shell or (freely and ast.unparse(word.value) != 'True'):
                yield f'{node.lineno}: {name}({ast.unparse(word)})'


@pytest.mark.parametrize(
    'source',
    [
        'eval(x)',
        'pickle.load(file)',
        "subprocess.run('ls', shell=True)",
        'torch.load(file, weights_only=False)',
    ],
)
def test_unsafe_calls_are_seen(source: str) -> None:
    assert list(unsafe(source))


@pytest.mark.parametrize(
    'path', FILES, ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_unsafe_call(path: Path) -> None:
    assert not list(unsafe(path.read_text(encoding='utf-8')))
