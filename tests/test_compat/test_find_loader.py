"""What Python 3.14 removed is there for MMEngine and mmcv."""

from __future__ import annotations

import json
import pkgutil

import pytest

from uniformer_mm.compat.find_loader import find_loader, supply_find_loader

misc = pytest.importorskip('mmengine.utils.dl_utils.misc')


def test_mmengine_finds_out_whether_there_are_ops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(pkgutil, 'find_loader')
    with pytest.raises(AttributeError):
        misc.mmcv_full_available()
    supply_find_loader()
    assert pkgutil.find_loader is find_loader
    assert misc.mmcv_full_available() is True


def test_pythons_that_have_it_keep_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = object()
    monkeypatch.setattr(pkgutil, 'find_loader', own, raising=False)
    supply_find_loader()
    assert pkgutil.find_loader is own


def test_it_finds_what_there_is() -> None:
    assert find_loader('json') is json.__spec__.loader
    assert find_loader('json.no_such') is None
    assert find_loader('no_such.json') is None
