from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / 'requirements'


def pins(name: str) -> dict[str, str]:
    text = (FOLDER / name).read_text(encoding='utf-8')
    return dict(re.findall(r'^([\w.-]+)==(\S+)', text, re.MULTILINE))


@pytest.mark.parametrize(
    ('lock', 'reader'),
    [
        ('lock-windows.txt', 'decord'),
        ('lock-macos-arm64.txt', 'eva-decord'),
    ],
)
def test_locks_for_other_systems_hold_the_stack(
    lock: str, reader: str
) -> None:
    locked = pins(lock)
    assert pins('stack.in').items() <= locked.items()
    assert {name for name in locked if 'decord' in name} == {reader}
    assert not any(name.startswith('nvidia') for name in locked)
