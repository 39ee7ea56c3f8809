"""Warnings that hosts get, and whoever runs a command can't change."""

from __future__ import annotations

import warnings

import pytest

from uniformer_mm.cli.main import main


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('pkg_resources is deprecated as an API', 0),
        ('To copy construct from a tensor, it is recommended', 0),
        ('`torch.cuda.amp.autocast(args...)` is deprecated', 0),
        ('of your own', 1),
    ],
)
def test_they_are_left_out(text: str, shown: int) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        assert main(['config']) == 0
        warnings.warn(text, FutureWarning, stacklevel=1)
    assert [str(warning.message) for warning in seen] == [text] * shown
