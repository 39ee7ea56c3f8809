from __future__ import annotations

import pytest

from uniformer_mm.doctor.facts import Facts, gather


@pytest.fixture(scope='session')
def here() -> Facts:
    """What is true of this environment."""
    return gather()
