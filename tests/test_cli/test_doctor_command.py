"""``uniformer-mm doctor`` as a command, where something is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from uniformer_mm.cli.doctor import report
from uniformer_mm.cli.facts import gather


def test_it_survives_modules_that_raise_crash_or_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = {
        'torch': 'raise ImportError("libcudart.so.12: cannot open")',
        'cv2': 'import os; os.abort()',
        'setuptools': 'import os; os._exit(0)',
        'xtcocotools': 'raise ModuleNotFoundError("gone", name="xtcocotools")',
    }
    for module, code in broken.items():
        (tmp_path / f'{module}.py').write_text(code)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    facts = gather()
    assert facts.errors['torch'] == 'ImportError: libcudart.so.12: cannot open'
    assert facts.errors['cv2'].startswith('crashed (exit code')
    assert facts.errors['setuptools'].startswith('crashed (exit code 0')
    assert 'xtcocotools' not in facts.errors
    rows = {row.name: row for row in report(facts)}
    assert rows['torch'].status == 'FAIL'
    assert rows['cv2'].status == 'warn'
    assert rows['numpy'].status == 'ok'
    assert rows['xtcocotools'].status == 'absent'


@pytest.mark.parametrize('module', ['torch', 'mmengine', 'cv2', 'numpy'])
def test_it_starts_where_the_package_does_not_import(
    tmp_path: Path, module: str
) -> None:
    broken = 'raise ImportError("libGL.so.1: cannot open shared object file")'
    (tmp_path / f'{module}.py').write_text(broken)
    code = """
import sys, uniformer_mm_command
sys.argv[1:] = ['doctor', '--json']
sys.exit(uniformer_mm_command.main())
"""
    done = subprocess.run(
        [sys.executable, '-c', code],
        env={**os.environ, 'PYTHONPATH': str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    rows = {row['name']: row for row in json.loads(done.stdout)['rows']}
    assert 'libGL.so.1' in rows[module]['text']
    assert rows['uniformer_mm']['status'] == 'FAIL'
    if module == 'cv2':
        assert 'apt install libgl1' in rows['cv2']['text']
