from __future__ import annotations

from pathlib import Path

import pytest

from uniformer_mm.cli.names import read_names


def test_a_name_per_line(tmp_path: Path) -> None:
    path = tmp_path / 'names.txt'
    path.write_text('café\nhot dog\n\n', encoding='utf-8')
    assert read_names(path) == ['café', 'hot dog']


def test_another_encoding_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / 'names.txt'
    path.write_bytes('café'.encode('latin-1'))
    with pytest.raises(ValueError, match=r'names\.txt is no UTF-8 text'):
        read_names(path)
