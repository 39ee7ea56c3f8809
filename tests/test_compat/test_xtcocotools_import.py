"""When the stand-in for ``xtcocotools`` is used, and when the original is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.installs import ROOT

RunPython = Callable[..., 'subprocess.CompletedProcess[str]']

pytest.importorskip('pycocotools')

OWN_FILES = {
    '__init__': '',
    'mask': 'import xtcocotools._mask as _mask\narea = _mask.area',
}
WORKS = 'def area(rles):\n    return [1 for _ in rles]\n'
WAYS_TO_BREAK = {
    'compiled for NumPy 1': (
        'raise ValueError("numpy.dtype size changed, may indicate")'
    ),
    'compiled for another system': 'raise ImportError("undefined symbol: x")',
    'compiled for NumPy 2': (
        'import numpy\ndef area(rles):\n    return numpy.NPY_OWNDATA\n'
    ),
}
USE = """
import torch, xtcocotools.mask as mask
area = mask.area([{'size': [1, 1], 'counts': b'01'}])
assert list(area) == [1], area
print(mask._mask.__file__.rpartition('/')[2].rpartition('\\\\')[2])
"""
# Hides the original, if there is one, from Python's own finder.
HIDE = """
import sys
class Hidden:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):  # distributions are found through it, too
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in HIDDEN:
            return None
        return self.finder.find_spec(name, path, target)
sys.meta_path[:] = [Hidden(finder) for finder in sys.meta_path]
import torch
"""


def make_original(site: Path, compiled: str | None) -> str:
    """Write an ``xtcocotools``; return the path that finds it first."""
    (site / 'xtcocotools').mkdir(parents=True)
    files = {**OWN_FILES, **({'_mask': compiled} if compiled else {})}
    for name, text in files.items():
        (site / f'xtcocotools/{name}.py').write_text(text)
    return os.pathsep.join([str(site), str(ROOT)])


@pytest.mark.parametrize('fault', WAYS_TO_BREAK)
def test_a_broken_compiled_module_is_replaced(
    run_python: RunPython, tmp_path: Path, fault: str
) -> None:
    site = make_original(tmp_path / 'site', WAYS_TO_BREAK[fault])
    done = run_python('-c', USE, PYTHONPATH=site)
    assert done.stdout.strip() == 'xtcocotools_compiled.py', done.stderr


def test_a_missing_compiled_module_is_replaced(
    run_python: RunPython, tmp_path: Path
) -> None:
    """A wheel for another Python has a file of another name."""
    site = make_original(tmp_path / 'site', None)
    done = run_python('-c', USE, PYTHONPATH=site)
    assert done.stdout.strip() == 'xtcocotools_compiled.py', done.stderr


def test_a_compiled_module_that_works_is_left_alone(
    run_python: RunPython, tmp_path: Path
) -> None:
    site = make_original(tmp_path / 'site', WORKS)
    code = f"""{USE}
from importlib.machinery import SourceFileLoader
ours = mask._mask
assert type(ours.__loader__) is type(ours.__spec__.loader) is SourceFileLoader
assert ours is sys.modules['xtcocotools._mask']
"""
    done = run_python('-c', f'import sys{code}', PYTHONPATH=site)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '_mask.py'


def test_a_finder_of_the_old_protocol_is_passed_over(
    run_python: RunPython, tmp_path: Path
) -> None:
    site = make_original(tmp_path / 'site', WORKS)
    code = """
import sys, warnings
warnings.simplefilter('ignore')
class Old:
    def find_module(self, name, path=None):
        return None
sys.meta_path.insert(0, Old())
"""
    done = run_python('-c', code + USE, PYTHONPATH=site)
    assert done.stdout.strip() == '_mask.py', done.stderr


@pytest.mark.parametrize('fault', WAYS_TO_BREAK)
def test_the_off_switch_leaves_the_original_broken(
    run_python: RunPython, tmp_path: Path, fault: str
) -> None:
    site = make_original(tmp_path / 'site', WAYS_TO_BREAK[fault])
    done = run_python('-c', USE, PYTHONPATH=site, UNIFORMER_MM_COMPAT='0')
    assert done.returncode == 1
    assert 'xtcocotools_compiled' not in done.stderr


@pytest.mark.parametrize('fault', WAYS_TO_BREAK)
def test_without_pycocotools_the_error_tells_both_faults_and_the_fix(
    run_python: RunPython, tmp_path: Path, fault: str
) -> None:
    site = make_original(tmp_path / 'site', WAYS_TO_BREAK[fault])
    code = f"import sys; sys.modules['pycocotools'] = None\n{USE}"
    done = run_python('-c', code, PYTHONPATH=site)
    said = {
        'compiled for NumPy 1': 'ValueError: numpy.dtype size changed',
        'compiled for another system': 'ImportError: undefined symbol',
        'compiled for NumPy 2': "no attribute 'NPY_OWNDATA'",
    }
    assert said[fault] in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: xtcocotools' compiled module does")
    assert "and neither does pycocotools' (" in last
    assert last.endswith('pip install --upgrade pycocotools')


def test_a_missing_package_is_replaced(run_python: RunPython) -> None:
    code = f"""HIDDEN = ['xtcocotools']{HIDE}
import xtcocotools, xtcocotools.mask as mask
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval
for module in ('coco', 'cocoeval', 'mask'):
    file = sys.modules[f'xtcocotools.{{module}}'].__file__
    assert file.endswith(f'xtcocotools_{{module}}.py'), file
assert xtcocotools.mask is mask
assert COCOeval.__module__ == 'xtcocotools.cocoeval'
assert list(mask.area([{{'size': [1, 1], 'counts': b'01'}}])) == [1]
"""
    done = run_python('-c', code)
    assert done.returncode == 0, done.stderr


def test_a_missing_package_stays_missing_without_pycocotools(
    run_python: RunPython,
) -> None:
    code = f"""HIDDEN = ['xtcocotools', 'pycocotools']{HIDE}
try:
    import xtcocotools.coco
except ModuleNotFoundError as error:
    assert error.name == 'xtcocotools'
    print(error)
"""
    done = run_python('-c', code)
    assert done.stdout.startswith("No module named 'xtcocotools'"), done.stderr
    assert done.stdout.strip().endswith('pip install pycocotools')
