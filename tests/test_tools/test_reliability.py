"""tools.reliability: figures out of a report of pytest."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

from tools.generated import filled
from tools.reliability import __main__ as reliability
from tools.reliability.figures import KINDS, Figure, figures_of, read, write
from tools.reliability.table import DOCUMENT, TOOL, table

REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_fuzz.test_weights" name="test_a[zip]">
  <properties><property name="tried" value="80"/></properties></testcase>
<testcase classname="tests.test_fuzz.test_weights" name="test_b">
  <properties><property name="tried" value="7"/></properties>
  <failure message="wrong"/></testcase>
<testcase classname="tests.test_load.test_soak" name="test_c[1]">
  <properties><property name="tried" value="100"/>
  <property name="note" value="0.1 KiB"/></properties></testcase>
<testcase classname="tests.test_load.test_soak" name="test_c[2]">
  <skipped/></testcase>
<testcase classname="tests.test_load.test_threads" name="test_d"/>
<testcase classname="tests.test_registry" name="test_e"/>
</testsuite></testsuites>"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / 'report.xml'
    path.write_text(REPORT)
    return path


def test_figures_of_a_report(report: Path) -> None:
    figures = {figure.kind: figure for figure in figures_of(report)}
    assert list(figures) == list(KINDS)
    weights = figures['fuzz: weight files']
    assert (weights.tried, weights.right, weights.wrong) == (87, 80, 7)
    soak = figures['requests, memory flat']
    assert (soak.tried, soak.note) == (100, '0.1 KiB')
    assert figures['calls from 8 threads'].tried == 1
    assert sum(figure.tried for figure in figures.values()) == 188


def test_of_a_test_that_was_run_again_the_last_report_counts(
    report: Path, tmp_path: Path
) -> None:
    again = tmp_path / 'again.xml'
    again.write_text(REPORT.replace('<failure message="wrong"/>', ''))
    for reports, wrong in (((report, again), 0), ((again, report), 7)):
        figures = {figure.kind: figure for figure in figures_of(*reports)}
        weights = figures['fuzz: weight files']
        assert (weights.tried, weights.wrong) == (87, wrong)


def test_every_pattern_is_of_a_test() -> None:
    root = Path(__file__).parents[2]
    names = [
        '.'.join((*path.relative_to(root).with_suffix('').parts, function))
        for path in root.glob('tests/**/test_*.py')
        for function in re.findall(
            r'^def (test_\w+)', path.read_text(encoding='utf-8'), re.MULTILINE
        )
    ]
    patterns = [pattern for kind in KINDS.values() for pattern in kind]
    assert [p for p in patterns if not fnmatch.filter(names, p)] == []


def test_what_was_not_run_again_is_kept(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [
        Figure('downloads', 5, 5, 0, ''),
        Figure('fuzz: weight files', 9, 9, 0, ''),
    ]
    written: list[Figure] = []
    monkeypatch.setattr(reliability, 'DOCUMENT', tmp_path / 'none.md')
    monkeypatch.setattr(reliability, 'filled', lambda *_: '')
    monkeypatch.setattr(reliability, 'write', written.extend)
    monkeypatch.setattr(reliability, 'read', lambda: before)
    assert reliability.main(['--keep', str(report)]) == 1
    tried = {figure.kind: figure.tried for figure in written}
    assert tried['downloads'] == 5
    assert tried['fuzz: weight files'] == 87
    written.clear()
    assert reliability.main([str(report)]) == 1
    assert {f.kind: f.tried for f in written}['downloads'] == 0


def test_a_table_is_written_and_read(tmp_path: Path) -> None:
    figures = [Figure('a', 2, 1, 1, 'x, "y"'), Figure('b', 0, 0, 0, '')]
    write(figures, tmp_path / 'figures.csv')
    assert read(tmp_path / 'figures.csv') == figures
    rows = table(figures).splitlines()
    assert [cell.strip() for cell in rows[2].split('|')[1:5]] == list('a211')
    assert 'not run' in rows[3]


def test_the_command_fails_where_something_is_wrong(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / 'reliability.md'
    document.write_text(DOCUMENT.read_text())
    monkeypatch.setattr(reliability, 'DOCUMENT', document)
    monkeypatch.setattr(reliability, 'write', lambda _: None)
    monkeypatch.setattr(reliability, 'read', lambda: figures_of(report))
    assert reliability.main([str(report)]) == 1
    assert 'fuzz: weight files' in document.read_text()
    report.write_text(REPORT.replace('<failure message="wrong"/>', ''))
    assert reliability.main([str(report)]) == 0
    report.write_text('<testsuites/>')
    assert reliability.main([str(report)]) == 1


def test_the_document_has_the_figures() -> None:
    figures = read()
    assert {figure.kind for figure in figures} == set(KINDS)
    text = DOCUMENT.read_text()
    assert text == filled(DOCUMENT, TOOL, table(figures))
