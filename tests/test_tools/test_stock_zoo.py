"""The sweep of stock configs: what it says of them, and its page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.csv_rows import append_row
from tools.generated import filled
from tools.stock_zoo.__main__ import is_worse, main
from tools.stock_zoo.results import Case, Row, read_cases, read_rows
from tools.stock_zoo.sweep import Limits, sweep
from tools.stock_zoo.table import PAGE, STATUSES, TOOL, page
from tools.stock_zoo.trial import UNTRAINED, Outcome

ROOT = Path(__file__).parents[2]
CASE = Case('mmdet', 'none', 'none/none.py')
CASES = read_cases()
# What is said of what is ok.
NOTES = re.compile(rf"with arch='xs', as |{UNTRAINED}")
TOP_DOWN = 'mmpose::body_2d_keypoint/topdown_heatmap/coco'
# Two families of each host, and one that fails -> stock, ours.
RUNS = {
    'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py': ('ok', 'ok'),
    'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py': ('ok', 'ok'),
    'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py': (
        'ok',
        'ok',
    ),
    'mmseg::upernet/upernet_r18_4xb4-80k_ade20k-512x512.py': (
        'failed',
        'failed',
    ),
    f'{TOP_DOWN}/td-hm_mobilenetv2_8xb64-210e_coco-256x192.py': ('ok', 'ok'),
    'mmpose::body_2d_keypoint/rtmpose/coco/'
    'rtmpose-s_8xb256-420e_coco-256x192.py': ('ok', 'ok'),
    'mmaction::recognition/tsn/'
    'tsn_imagenet-pretrained-r50_8xb32-1x1x8-50e_sthv2-rgb.py': ('ok', 'ok'),
    'mmaction::skeleton/stgcn/'
    'stgcn_8xb16-bone-u100-80e_ntu60-xsub-keypoint-2d.py': ('ok', 'tied'),
}


def row(stock: str = 'ok', ours: str = 'ok', case: Case = CASE) -> Row:
    causes = ['' if side == 'ok' else 'a | b' for side in (stock, ours)]
    sides = (stock, causes[0], ours, causes[1])
    return Row(case.host, case.family, case.config, *sides, '2026-01-02', '2')


@pytest.mark.hosts
def test_configs_of_all_hosts_run(tmp_path: Path) -> None:
    for host in sorted({name.partition('::')[0] for name in RUNS}):
        pytest.importorskip(host)
    out = tmp_path / 'rows.csv'
    words = ['--out', str(out), '--jobs', '2', '--only', *RUNS]
    done = subprocess.run(
        [sys.executable, '-m', 'tools.stock_zoo', *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rows = {row.name: row for row in read_rows(out)}
    assert {name: (r.stock, r.ours) for name, r in rows.items()} == RUNS
    for line in done.stdout.splitlines():
        name = line.split(': ')[0]
        assert line.startswith(f'{name}: {RUNS[name][0]}, ours')
    (broken,) = [r for r in rows.values() if r.stock == 'failed']
    assert 'size and size_divisor' in broken.stock_cause


def hang(_: Case, ours: bool) -> Outcome:
    time.sleep(60 * ours)
    return Outcome('ok')


def die(_case: Case, _ours: bool) -> Outcome:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError('unreachable')


def leave(_case: Case, _ours: bool) -> Outcome:
    raise SystemExit(3)


def devour(_case: Case, _ours: bool) -> Outcome:
    return Outcome('ok', str(len(bytearray(2**34))))


@pytest.mark.parametrize(
    ('trial', 'cause'),
    [
        (hang, 'no end after 3 s'),
        (die, 'the process died: exit code -9'),
        (leave, 'SystemExit: 3'),
        (devour, 'MemoryError:'),
    ],
)
def test_what_hangs_or_dies_is_a_row(
    trial: object, cause: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('mmdet')
    limits = Limits(seconds=3, gib=8, jobs=2)
    (got,) = sweep([CASE], limits, trial)  # type: ignore[arg-type]
    assert (got.ours, got.ours_cause) == ('failed', cause)
    assert got.stock == ('ok' if trial is hang else 'failed')
    assert capfd.readouterr().out == ''


@pytest.mark.parametrize(
    ('known', 'now', 'worse'),
    [
        (row(), row(), False),
        (row(), row(ours='failed'), True),
        (row(), row('lacks', 'ok'), True),
        (row(ours='tied'), row(ours='refused'), False),
        (None, row('failed', 'failed'), False),
    ],
)
def test_only_what_was_ok_gets_worse(
    known: Row | None, now: Row, worse: bool
) -> None:
    assert is_worse(now, known) == worse


def test_a_later_row_replaces_an_earlier_one(tmp_path: Path) -> None:
    for now in (row(), row('failed', 'tied')):
        append_row(tmp_path / 'rows.csv', now)
    assert read_rows(tmp_path / 'rows.csv') == [row('failed', 'tied')]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('host,config\n', r"must have the columns \['host', 'family'"),
        ('host,family,config\nmmocr,a,b\n', r"one of \['mmdet'.*\['mmocr'\]"),
    ],
)
def test_a_bad_list_is_refused(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / 'configs.csv'
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_cases(file)


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--only', 'mmdet::nothing'], "no config fits ['mmdet::nothing']"),
        (['--jobs', '0'], '--jobs, --timeout and --memory must be above 0'),
    ],
)
def test_a_bad_word_is_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert message in capsys.readouterr().err


def test_the_page_is_up_to_date() -> None:
    text = filled(PAGE, TOOL, page(CASES, read_rows()))
    assert text == PAGE.read_text(), f'run `python -m {TOOL}`'


def test_the_page_counts_families_and_names_causes() -> None:
    cases = [
        Case('mmseg', family, f'{family}/{number}.py')
        for family in ('fcn', 'psp')
        for number in range(2)
    ]
    rows = [
        row(case=cases[0]),
        row('failed', 'failed', cases[1]),
        row('ok', 'tied', cases[2]),
    ]
    text = page(cases, rows)
    assert '3 configs, run 2026-01-02 with torch 2. 1 of the list' in text
    for cells in (
        ('mmseg', '2', '2', '1', '1', '0'),
        ('fcn', '2', '1 ok, 1 failed', '1 ok, 1 failed'),
        ('psp', '1', 'ok', 'tied'),
    ):
        line = r' *\| '.join(map(re.escape, cells))
        assert re.search(rf'^\| {line} *\|$', text, re.MULTILINE), text
    assert '\n- `fcn/1.py`: both failed, `a | b`\n' in text
    assert text.endswith('\n- `psp/0.py`: ours tied, `a | b`')


def test_the_rows_are_of_the_list_and_say_why() -> None:
    names = {case.name for case in CASES}
    assert len(names) == len(CASES)
    rows = read_rows()
    assert {row.name for row in rows} <= names
    for row in rows:
        for side in ('stock', 'ours'):
            status = getattr(row, side)
            assert status in STATUSES
            cause = getattr(row, f'{side}_cause')
            assert cause or status == 'ok'
            assert status != 'ok' or not cause or NOTES.search(cause)
