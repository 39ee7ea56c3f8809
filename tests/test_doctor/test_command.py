"""``uniformer-mm doctor`` as a command, also where something is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.support.doctor_facts import HEALTHY
from uniformer_mm.cli import doctor
from uniformer_mm.cli.main import main
from uniformer_mm.doctor import facts as facts_module
from uniformer_mm.doctor import report as report_module
from uniformer_mm.doctor.breakages import KNOWN
from uniformer_mm.doctor.facts import MODULES, Facts


def test_json_and_table_tell_the_same(
    here: Facts,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(doctor, 'gather', lambda: here)
    code = main(['doctor', '--json'])
    content = json.loads(capsys.readouterr().out)
    assert content['exit_code'] == code
    assert content['facts'] == json.loads(json.dumps(asdict(here)))
    assert main(['doctor', '--all']) == code
    head, *lines, _, verdict = capsys.readouterr().out.splitlines()
    assert head.split() == ['status', 'what', 'version', 'text']
    assert len(lines) == len(content['rows'])
    for line, row in zip(lines, content['rows'], strict=True):
        cells = (row['status'], row['name'], row['version'], row['text'])
        assert line.split() == ' '.join(cells).split()
    assert verdict.startswith('The suite can')
    assert str(Path.home()) not in json.dumps(content)


def test_breakages_that_do_not_occur_are_listed_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, 'gather', lambda: HEALTHY)
    assert main(['doctor']) == 0
    short = capsys.readouterr().out
    assert 'does not occur' not in short
    assert main(['doctor', '--all']) == 0
    assert capsys.readouterr().out.count('does not occur') == len(KNOWN)


def test_switching_the_replacements_off_fails(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    here: Facts,
) -> None:
    if 'mmcv._ext' not in here.replaced:
        pytest.skip('needs an mmcv without compiled ops')
    few = {name: MODULES[name] for name in ('torch', 'mmcv')}
    monkeypatch.setattr(facts_module, 'MODULES', few)
    monkeypatch.setattr(report_module, 'MODULES', few)
    monkeypatch.setenv('UNIFORMER_MM_COMPAT', '0')
    assert main(['doctor']) == 1
    first = capsys.readouterr().out.splitlines()[1]
    assert first.split()[:2] == ['FAIL', 'mmcv']
    assert first.endswith('unset UNIFORMER_MM_COMPAT.')


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
