from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from uniformer_mm.doctor import facts as facts_module
from uniformer_mm.doctor.facts import Facts, gather
from uniformer_mm.doctor.installation import installed_versions
from uniformer_mm.doctor.report import report
from uniformer_mm.hosts import HOSTS


def test_this_environment_can_run(here: Facts) -> None:
    has_host = any(find_spec(host) for host in HOSTS)
    rows = report(here)
    fails = [row.name for row in rows if row.status == 'FAIL']
    assert fails == ([] if has_host else ['hosts'])
    assert {host for host in HOSTS if find_spec(host)} == (
        set(HOSTS) & set(here.errors)
    )


def test_this_environment_names_its_replacements(here: Facts) -> None:
    rows = {row.name: row for row in report(here)}
    if {'mmcv', 'mmcv-lite'} & here.versions.keys() != {'mmcv-lite'}:
        pytest.skip('needs mmcv-lite, and no compiled mmcv beside it')
    assert rows['mmcv._ext'].status == 'on'
    assert rows['mmcv._ext'].text == (
        'from uniformer_mm, because mmcv-lite has no compiled ops'
    )


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


def test_an_empty_record_is_no_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / 'mmdet-3.3.0.dist-info').mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert installed_versions(['mmdet']) == {}


def test_a_module_that_hangs_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hanging = {'cv2': 'import time; time.sleep(60)', 'numpy': ''}
    for module, code in hanging.items():
        (tmp_path / f'{module}.py').write_text(code)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    monkeypatch.setattr(facts_module, 'MODULES', hanging)
    monkeypatch.setattr(facts_module, 'TIMEOUT_S', 3)
    replies = facts_module._use_all()
    assert replies['cv2']['error'] == 'no answer within 3 s'
    assert replies['numpy']['error'] == ''


@pytest.mark.parametrize(
    ('error', 'expected'),
    [
        (
            "ImportError: '/opt/env/lib/_ext.so': undefined symbol",
            "ImportError: '_ext.so': undefined symbol",
        ),
        ('E: /people/jane doe/env/_ext.so', 'E: _ext.so'),
        ('OSError: C:\\Users\\me\\x.dll', 'OSError: x.dll'),
        ('E: see https://torch.org/docs.', 'E: see https://torch.org/docs'),
        ('E: first\n/second/line', 'E: first'),
        ('', ''),
    ],
)
def test_errors_lose_their_folders(
    error: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', '/people/jane doe')
    assert facts_module._anonymize(error) == expected
