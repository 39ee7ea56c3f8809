from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from uniformer_mm.cli import doctor
from uniformer_mm.cli import facts as facts_module
from uniformer_mm.cli.breakages import KNOWN, Facts, release
from uniformer_mm.cli.facts import HOSTS, MODULES, gather
from uniformer_mm_autoload import REPLACEMENTS

HEALTHY = Facts(
    python='3.11.7',
    versions={
        'torch': '2.9.1',
        'torchvision': '0.24.1',
        'mmcv-lite': '2.1.0',
        'mmdet': '3.3.0',
        'mmsegmentation': '1.2.2',
        'mmpose': '1.3.2',
        'mmaction2': '1.2.0',
        'xtcocotools': '1.14.3',
        'openmim': '0.3.9',
        'click': '8.5.1',
        'albumentations': '1.4.24',
    },
    errors=dict.fromkeys(MODULES, ''),
    replaced=tuple(REPLACEMENTS),
    gpu='CUDA 12.8, a card',
)
NO_OPS = "ModuleNotFoundError: No module named 'mmcv._ext'"


OFF = {'UNIFORMER_MM_COMPAT': '0'}
DRN = 'mmaction.models.localizers.drn'
COMPILED = {'mmcv': '2.1.0'}


def _facts(
    errors: Mapping[str, str] | None = None,
    versions: Mapping[str, str] | None = None,
    drop: tuple[str, ...] = (),
    **changes: Any,
) -> Facts:
    """Return the healthy facts, changed; ``drop`` is not installed."""
    merged = {**HEALTHY.versions, **(versions or {})}
    tried = {**HEALTHY.errors, **(errors or {})}
    return replace(
        HEALTHY,
        versions={k: v for k, v in merged.items() if k not in drop},
        errors={k: v for k, v in tried.items() if k not in drop},
        **changes,
    )


def _found(facts: Facts) -> dict[str, str]:
    return {b.name: text for b in KNOWN if (text := b.find(facts))}


def _rows(facts: Facts) -> dict[str, doctor.Row]:
    return {row.name: row for row in doctor.report(facts)}


def _run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    args = parser.parse_args(['doctor', *arguments])
    code: int = args.run(args)
    return code


def test_nothing_is_found_where_all_is_well() -> None:
    assert _found(HEALTHY) == {}
    statuses = {row.status for row in doctor.report(HEALTHY)}
    assert statuses == {'ok', 'on', 'clear'}


CASES = [
    (
        'replacements',
        _facts({'mmcv': NO_OPS}, env=OFF),
        '(UNIFORMER_MM_COMPAT=0): unset UNIFORMER_MM_COMPAT.',
    ),
    (
        'replacements',
        _facts(
            {'mmaction': f"No module named '{DRN}'"},
            env={'TORCH_DEVICE_BACKEND_AUTOLOAD': '0'},
        ),
        'unset TORCH_DEVICE_BACKEND_AUTOLOAD.',
    ),
    (
        'replacements',
        _facts({'mmcv': NO_OPS}, {'torch': '2.4.1'}),
        '(torch 2.4.1 reads no entry points): use torch >= 2.5.',
    ),
    (
        'replacements',
        _facts({'mmcv': NO_OPS}, entry_point=False),
        'install uniformer_mm with pip.',
    ),
    (
        'mmcv build',
        _facts({'mmcv': '_ext.cpython-311.so: undefined symbol: _ZN3'}),
        "pip install 'uniformer_mm[lite]'",
    ),
    (
        'mmcv version',
        _facts(versions={'mmcv': '2.2.0'}, drop=('mmcv-lite',)),
        "pip install 'uniformer_mm[lite]'",
    ),
    (
        'mmcv twice',
        _facts(versions={'mmcv': '2.1.0'}),
        'pip uninstall -y mmcv mmcv-lite',
    ),
    (
        'compiled ops',
        _facts(versions=COMPILED, drop=('mmcv-lite',), replaced=(DRN,)),
        'out_channels_last=True',
    ),
    (
        'torchvision release',
        _facts({'torchvision': 'operator torchvision::nms does not exist'}),
        "pip install --upgrade torchvision 'torch==2.9.1'.",
    ),
    (
        'torchvision release',
        _facts(drop=('torchvision',)),
        "pip install --upgrade torchvision 'torch==2.9.1'.",
    ),
    *(
        (
            'undeclared',
            _facts({'mmseg': f"No module named '{module}'"}),
            'pip install ftfy regex importlib_metadata.',
        )
        for module in ('ftfy', 'regex', 'importlib_metadata')
    ),
    (
        'weights_only',
        _facts({'uniformer_mm': 'UnpicklingError: Weights only load failed'}),
        'import uniformer_mm first',
    ),
    (
        'unchecked load',
        _facts(env={'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': '1'}),
        'unset TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD.',
    ),
    (
        'pkg_resources',
        _facts({'mim': "No module named 'pkg_resources'"}),
        "pip install 'setuptools>=70,<81'.",
    ),
    (
        'numpy 2',
        _facts({'xtcocotools': 'ValueError: numpy.dtype size changed, may'}),
        "pip install 'numpy<2'",
    ),
    ('python release', _facts(python='3.9.18'), 'Use Python 3.10'),
    ('python release', _facts(python='3.14.0'), 'Use Python 3.10'),
    (
        'xtcocotools wheel',
        _facts(python='3.12.1', drop=('xtcocotools',)),
        '--no-build-isolation xtcocotools',
    ),
    (
        'libGL',
        _facts({'cv2': 'libGL.so.1: cannot open shared object file'}),
        'opencv-python-headless',
    ),
    ('pip', _facts({'mim': "No module named 'pip'"}), 'ensurepip'),
    ('click 9', _facts(versions={'click': '9.0'}), "pip install 'click<9'."),
    (
        'albumentations',
        _facts(versions={'albumentations': '2.0.8'}),
        'albumentations==1.4.24',
    ),
    ('no GPU', _facts(gpu=''), '--launcher'),
]


@pytest.mark.parametrize(('name', 'facts', 'fix'), CASES)
def test_each_breakage_alone_gives_its_advice(
    name: str, facts: Facts, fix: str
) -> None:
    found = _found(facts)
    assert list(found) == [name]
    assert fix in found[name]


def test_every_known_breakage_has_a_case_and_a_name_of_its_own() -> None:
    names = [breakage.name for breakage in KNOWN]
    assert {name for name, _, _ in CASES} == set(names)
    assert len({*names, *MODULES}) == len(names) + len(MODULES)


@pytest.mark.parametrize(
    'facts',
    [
        _facts(versions={'numpy': '2.4.6'}),
        _facts(
            versions={'mmcv': '2.2.0'},
            drop=('mmcv-lite', 'mmdet', 'mmsegmentation', 'mmaction2'),
        ),
        _facts(
            versions={'torch': '2.4.1', 'mmcv': '2.1.0'}, drop=('mmcv-lite',)
        ),
        _facts(versions={'click': '9.0'}, drop=('openmim',)),
        _facts(python='3.12.1'),
        _facts(env=OFF),
    ],
)
def test_what_breaks_nothing_is_no_breakage(facts: Facts) -> None:
    assert _found(facts) == {}


def test_an_error_is_shown_with_its_fix_and_told_once() -> None:
    errors = {'mmcv': NO_OPS, 'mmdet': NO_OPS}
    rows = _rows(_facts(errors, env=OFF, replaced=()))
    assert rows['mmcv'].status == rows['mmdet'].status == 'FAIL'
    assert rows['mmcv'].text.startswith(NO_OPS)
    assert rows['mmcv'].text.endswith('unset UNIFORMER_MM_COMPAT.')
    assert 'replacements' not in rows
    assert rows['mmcv._ext'].text == 'UNIFORMER_MM_COMPAT=0'
    assert rows['mmseg'].status == 'ok'


def test_problems_come_first_and_unknown_ones_ask_for_a_report() -> None:
    facts = _facts({'mim': 'ValueError: a', 'mmseg': 'ValueError: b'})
    fail, warn, ok, *_ = doctor.report(facts)
    assert (fail.status, fail.name) == ('FAIL', 'mmseg')
    assert (warn.status, warn.name) == ('warn', 'mim')
    assert (ok.status, ok.name) == ('ok', 'python')
    assert fail.text == (
        'ValueError: b. Not a known breakage: report it with doctor --json.'
    )


def test_an_absent_host_is_no_failure_but_none_is() -> None:
    rows = _rows(_facts(drop=('mmdet', 'mmseg')))
    assert rows['mmdet'].status == rows['mmseg'].status == 'absent'
    assert rows['mmdet'].text == (
        "not installed: pip install 'uniformer_mm[det]'"
    )
    assert 'hosts' not in rows
    rows = _rows(_facts(drop=HOSTS))
    assert rows['hosts'].status == 'FAIL'


@pytest.mark.parametrize('module', doctor.REQUIRED)
def test_an_absent_required_module_fails(module: str) -> None:
    row = _rows(_facts(drop=(module,)))[module]
    assert row.status == 'FAIL'
    assert row.text.startswith('not installed: pip install')


def test_replacements_that_are_not_needed_say_why() -> None:
    rows = _rows(_facts(versions=COMPILED, drop=('mmcv-lite',), replaced=()))
    assert rows['mmcv._ext'].text == 'not needed: mmcv has its own'
    assert rows['mmcv'].text == 'nms works, with ops compiled'
    assert rows['localizers.drn'].text == 'not needed: mmaction has its own'
    rows = _rows(_facts(drop=('mmaction',)))
    assert (
        rows['localizers.drn'].text == 'not needed: mmaction is not installed'
    )
    rows = _rows(_facts(versions={'torch': '2.5.1'}))
    assert rows['types in checkpoints'].status == 'off'


@pytest.mark.parametrize(
    'facts',
    [
        _facts(versions=COMPILED, drop=('mmcv-lite',)),  # ops of ours
        _facts({'mmcv': '_ext.so: undefined symbol'}, replaced=()),
        _facts(drop=('mmcv', 'mmcv-lite'), replaced=()),
    ],
)
def test_memory_of_maps_is_told_where_compiled_ops_work(facts: Facts) -> None:
    compiled = replace(HEALTHY, replaced=())
    assert _rows(compiled)['compiled ops'].status == 'info'
    assert 'read maps as N C H W' in _rows(compiled)['compiled ops'].text
    assert _rows(facts)['compiled ops'].status == 'clear'


def test_every_replacement_is_named() -> None:
    rows = _rows(HEALTHY)
    for module in REPLACEMENTS:
        assert any(name in module for name in rows if '.' in name), module


@pytest.mark.parametrize(
    ('version', 'expected'),
    [('2.9.1+cu128', (2, 9)), ('2.10.0', (2, 10)), ('9', (9,)), ('', ())],
)
def test_release(version: str, expected: tuple[int, ...]) -> None:
    assert release(version) == expected


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


@pytest.fixture(scope='module')
def here() -> Facts:
    return gather()


def test_this_environment_can_run(here: Facts) -> None:
    has_host = any(find_spec(host) for host in HOSTS)
    rows = doctor.report(here)
    fails = [row.name for row in rows if row.status == 'FAIL']
    assert fails == ([] if has_host else ['hosts'])
    assert {host for host in HOSTS if find_spec(host)} == (
        set(HOSTS) & set(here.errors)
    )


def test_this_environment_names_its_replacements(here: Facts) -> None:
    rows = {row.name: row for row in doctor.report(here)}
    if {'mmcv', 'mmcv-lite'} & here.versions.keys() != {'mmcv-lite'}:
        pytest.skip('needs mmcv-lite, and no compiled mmcv beside it')
    assert rows['mmcv._ext'].status == 'on'
    assert rows['mmcv._ext'].text == (
        'from uniformer_mm, because mmcv-lite has no compiled ops'
    )


def test_json_and_table_tell_the_same(
    here: Facts,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(doctor, 'gather', lambda: here)
    code = _run('--json')
    content = json.loads(capsys.readouterr().out)
    assert content['exit_code'] == code
    assert content['facts'] == json.loads(json.dumps(asdict(here)))
    assert _run('--all') == code
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
    assert _run() == 0
    short = capsys.readouterr().out
    assert 'does not occur' not in short
    assert _run('--all') == 0
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
    monkeypatch.setattr(doctor, 'MODULES', few)
    monkeypatch.setenv('UNIFORMER_MM_COMPAT', '0')
    assert _run() == 1
    first = capsys.readouterr().out.splitlines()[1]
    assert first.split()[:2] == ['FAIL', 'mmcv']
    assert first.endswith('unset UNIFORMER_MM_COMPAT.')
