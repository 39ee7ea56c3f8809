from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.doctor_facts import (
    COMPILED,
    HEALTHY,
    NO_OPS,
    OFF,
    facts_but,
)
from uniformer_mm.doctor.facts import Facts
from uniformer_mm.doctor.report import REQUIRED, Row, report
from uniformer_mm.hosts import HOSTS
from uniformer_mm_autoload import REPLACEMENTS


def rows_of(facts: Facts) -> dict[str, Row]:
    return {row.name: row for row in report(facts)}


def test_all_is_well() -> None:
    rows = rows_of(HEALTHY)
    assert rows.pop('ops left out').status == 'info'
    assert {row.status for row in rows.values()} == {'ok', 'on', 'clear'}


def test_an_error_is_shown_with_its_fix_and_told_once() -> None:
    errors = {'mmcv': NO_OPS, 'mmdet': NO_OPS}
    rows = rows_of(facts_but(errors, env=OFF, replaced=()))
    assert rows['mmcv'].status == rows['mmdet'].status == 'FAIL'
    assert rows['mmcv'].text.startswith(NO_OPS)
    assert rows['mmcv'].text.endswith('unset UNIFORMER_MM_COMPAT.')
    assert 'replacements' not in rows
    assert rows['mmcv._ext'].text == 'UNIFORMER_MM_COMPAT=0'
    assert rows['mmseg'].status == 'ok'


def test_problems_come_first_and_unknown_ones_ask_for_a_report() -> None:
    facts = facts_but({'mim': 'ValueError: a', 'mmseg': 'ValueError: b'})
    fail, warn, ok, *_ = report(facts)
    assert (fail.status, fail.name) == ('FAIL', 'mmseg')
    assert (warn.status, warn.name) == ('warn', 'mim')
    assert (ok.status, ok.name) == ('ok', 'python')
    assert fail.text == (
        'ValueError: b. Not a known breakage: report it with doctor --json.'
    )


def test_an_absent_host_is_no_failure_but_none_is() -> None:
    rows = rows_of(facts_but(drop=('mmdet', 'mmseg')))
    assert rows['mmdet'].status == rows['mmseg'].status == 'absent'
    assert rows['mmdet'].text == (
        "not installed: pip install 'uniformer_mm[det]'"
    )
    assert 'hosts' not in rows
    rows = rows_of(facts_but(drop=tuple(HOSTS)))
    assert rows['hosts'].status == 'FAIL'


@pytest.mark.parametrize('module', REQUIRED)
def test_an_absent_required_module_fails(module: str) -> None:
    row = rows_of(facts_but(drop=(module,)))[module]
    assert row.status == 'FAIL'
    assert row.text.startswith('not installed: pip install')


def test_replacements_that_are_not_needed_say_why() -> None:
    rows = rows_of(
        facts_but(versions=COMPILED, drop=('mmcv-lite',), replaced=())
    )
    assert rows['mmcv._ext'].text == 'not needed: mmcv has its own'
    assert rows['mmcv'].text == 'nms works, with ops compiled'
    assert 'ops left out' not in rows
    assert 'point clouds' in rows_of(HEALTHY)['ops left out'].text
    assert rows['localizers.drn'].text == 'not needed: mmaction has its own'
    rows = rows_of(facts_but(drop=('mmaction',)))
    assert (
        rows['localizers.drn'].text == 'not needed: mmaction is not installed'
    )
    rows = rows_of(facts_but(versions={'torch': '2.5.1'}))
    assert rows['types in checkpoints'].status == 'off'


@pytest.mark.parametrize(
    'facts',
    [
        facts_but(versions=COMPILED, drop=('mmcv-lite',)),  # ops of ours
        facts_but({'mmcv': '_ext.so: undefined symbol'}, replaced=()),
        facts_but(drop=('mmcv', 'mmcv-lite'), replaced=()),
    ],
)
def test_memory_of_maps_is_told_where_compiled_ops_work(facts: Facts) -> None:
    compiled = replace(HEALTHY, replaced=())
    assert rows_of(compiled)['compiled ops'].status == 'info'
    assert 'read maps as N C H W' in rows_of(compiled)['compiled ops'].text
    assert rows_of(facts)['compiled ops'].status == 'clear'


def test_every_replacement_is_named() -> None:
    rows = rows_of(HEALTHY)
    for module in REPLACEMENTS:
        owner = module.partition('.')[0]
        named = (name for name in rows if '.' in name)
        assert any(n in module or n.startswith(f'{owner}.') for n in named)


@pytest.mark.parametrize(
    ('replaced', 'name', 'reason'),
    [
        (
            'xtcocotools.mask',
            'xtcocotools.mask',
            'xtcocotools is not installed',
        ),
        (
            'xtcocotools._mask',
            'xtcocotools._mask',
            "xtcocotools' own does not",
        ),
        (
            'mmcv._ext',
            'xtcocotools.mask',
            'not needed: xtcocotools has its own',
        ),
    ],
)
def test_what_stands_in_for_xtcocotools_is_told(
    replaced: str, name: str, reason: str
) -> None:
    row = rows_of(replace(HEALTHY, replaced=(replaced,)))[name]
    assert row.status == ('on' if replaced == name else 'off')
    assert reason in row.text
