from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from uniformer_mm.compat import mmcv_ext
from uniformer_mm.compat.missing_ops import MISSING_OPS, explain


def names_of_mmcv() -> set[str]:
    """Return all names that ``mmcv.ops`` asks its compiled module for."""
    folder = Path(pytest.importorskip('mmcv').__file__).parent / 'ops'
    names = set()
    for path in folder.glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == 'load_ext'
                and isinstance(node.args[1], ast.List)
            ):
                names |= {ast.literal_eval(e) for e in node.args[1].elts}
    return names


def test_every_function_of_mmcv_is_supplied_or_explained() -> None:
    names = names_of_mmcv()
    assert len(names) == 112
    assert names == {*mmcv_ext.__all__, *MISSING_OPS}
    assert not {*mmcv_ext.__all__} & {*MISSING_OPS}


@pytest.mark.usefixtures('mmcv_lite')
@pytest.mark.parametrize('name', list(MISSING_OPS))
def test_what_has_no_stand_in_raises_its_reason(name: str) -> None:
    ext = importlib.import_module('mmcv._ext')
    with pytest.raises(NotImplementedError) as caught:
        getattr(ext, name)(1, group=2)
    message = str(caught.value)
    assert message == explain(name)
    assert f'mmcv._ext.{name} ' in message
    assert MISSING_OPS[name] in message
    uninstall = message.index('pip uninstall mmcv-lite')
    assert uninstall < message.index('mim install mmcv==2.1.0')


@pytest.mark.usefixtures('mmcv_lite')
def test_a_name_that_mmcv_does_not_have_is_told_so() -> None:
    ext = importlib.import_module('mmcv._ext')
    with pytest.raises(NotImplementedError, match='has no such function'):
        ext.new_op()


def test_the_table_needs_nothing_but_python() -> None:
    path = importlib.import_module('uniformer_mm.compat.missing_ops').__file__
    code = f'import runpy; print(runpy.run_path({path!r})["MISSING_OPS"])'
    done = subprocess.run(
        [sys.executable, '-I', '-S', '-c', code],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == f'{MISSING_OPS}\n', done.stderr
