"""What a reader meets: the files and the predicates that a forward enters.

    python -m tests.support.reading_cost

prints them for a plain forward and for one with fast forms, on a CPU.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from tests.support.models import build, random_input
from uniformer_mm import fast

PACKAGE = Path(fast.__file__).parents[1]
# Functions that answer whether something may be done, and do nothing.
PREDICATES = ('is_', 'keeps_', 'drops_', 'holds_', 'check_', 'multiplies')
PREDICATE_ENDS = ('_pays', '_is_on', '_meets')


def is_predicate(name: str) -> bool:
    """Whether a function of that name is a question."""
    return name.startswith(PREDICATES) or name.endswith(PREDICATE_ENDS)


def calls_of(model: Any, x: torch.Tensor) -> Counter[tuple[str, str]]:
    """Count the calls of our functions in a forward, by file and name."""
    calls: Counter[tuple[str, str]] = Counter()

    def note(frame: FrameType, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == 'call' and PACKAGE in path.parents:
            file = path.relative_to(PACKAGE).as_posix()
            calls[file, frame.f_code.co_name] += 1

    sys.setprofile(note)
    try:
        model(x)
    finally:
        sys.setprofile(None)
    return calls


def cost(kind: str, plain: bool) -> tuple[list[str], float]:
    """Return the files that a forward enters, and the share of predicates."""
    model, x = build(kind).eval(), random_input(kind, 1, 224, 224)
    with torch.no_grad(), fast.plain(plain):
        calls = calls_of(model, x)
    questions = sum(n for (_, name), n in calls.items() if is_predicate(name))
    return sorted({file for file, _ in calls}), questions / calls.total()


def main() -> None:
    """Print the cost of an image model."""
    for plain in (True, False):
        files, share = cost('image', plain)
        name = 'plain' if plain else 'fast'
        print(f'{name}: {len(files)} files, {share:.1%} predicates')
        print('  ' + ', '.join(files))


if __name__ == '__main__':
    main()
