"""The table of hosts, against what else knows them."""

from __future__ import annotations

import re
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from uniformer_mm.analysis.input_shape import _READERS
from uniformer_mm.analysis.runs import RUNS
from uniformer_mm.hosts import ALONE, EXTRAS, HOSTS, advice, import_extra
from uniformer_mm.undeclared import EXTRA, UNDECLARED

ROOT = Path(__file__).parents[1]


def test_the_extras_are_those_of_setup_cfg() -> None:
    parser = ConfigParser()
    parser.read(ROOT / 'setup.cfg')
    extras = dict(parser['options.extras_require'])
    assert set(extras) == set(EXTRAS.values())
    brought = {
        extra: re.findall(r'^[\w-]+', lines.strip(), re.MULTILINE)
        for extra, lines in extras.items()
    }
    for host in HOSTS.values():
        assert host.distribution in brought[host.extra]
        assert EXTRAS[host.module] == host.extra
    wanted = {package.name for package in UNDECLARED if package.on_pypi}
    assert set(brought[EXTRA]) == wanted
    for extra in ALONE:  # each is told by what it brings
        modules = {m for m, e in EXTRAS.items() if e == extra}
        assert set(brought[extra]) == modules


def test_every_folder_of_configs_has_its_host() -> None:
    folders = {
        path.parent.name for path in ROOT.glob('configs/*/metafile.yml')
    }
    assert folders == {host.folder for host in HOSTS.values()}


def test_every_host_can_be_counted() -> None:
    assert set(RUNS) == set(_READERS) == set(HOSTS)


def test_what_is_there_needs_no_advice() -> None:
    assert advice([]) == ''
    assert import_extra('json') is sys.modules['json']


@pytest.mark.parametrize(
    ('modules', 'way'),
    [
        (['gradio'], 'gradio'),
        (['onnx'], 'onnx onnxruntime onnxscript'),
        (['mmdet', 'mim'], "'uniformer_mm[det,mim]'"),
        (['mmcv', 'nncf'], "'uniformer_mm[lite]' nncf"),
    ],
)
def test_no_advice_exchanges_opencv(
    modules: list[str], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('uniformer_mm.hosts.find_spec', {}.get)
    assert advice(modules).endswith(f'; pip install {way}')


def test_a_missing_module_is_told_from_one_that_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ImportError) as error:
        import_extra('timm.none')
    assert str(error.value) == (
        'timm.none is needed here; not installed: timm; '
        "pip install 'uniformer_mm[action]'"
    )
    (tmp_path / 'mmseg.py').write_text('import nothing_of_that_name')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'mmseg', raising=False)
    with pytest.raises(ImportError) as error:
        import_extra('mmseg')
    assert str(error.value) == (
        'mmseg is needed here; mmseg is installed, but this fails (No module '
        "named 'nothing_of_that_name'): see `uniformer-mm doctor`, or "
        "pip install 'uniformer_mm[seg]'"
    )
