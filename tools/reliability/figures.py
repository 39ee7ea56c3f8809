"""The kinds of trials, and their figures out of the tests' own report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree as ET

from tools.csv_rows import read_rows, write_rows

__all__ = ['FIGURES', 'KINDS', 'Figure', 'figures_of', 'read', 'write']

FIGURES = Path(__file__).with_name('figures.csv')

# Kind -> patterns of tests, as MODULE.TEST; the first kind that fits counts.
KINDS: dict[str, tuple[str, ...]] = {
    'several processes give what one gives': (
        'tests.test_engine.test_distributed.test_two_ranks*',
        'tests.test_engine.test_distributed.test_norms*',
        'tests.test_engine.test_distributed.test_deepspeed*',
    ),
    'resumed under another number of processes': (
        'tests.test_engine.test_distributed.test_resumes*',
        'tests.test_engine.test_distributed.test_a_checkpoint*',
    ),
    'a process killed, stopped or stuck': (
        'tests.test_engine.test_distributed.test_a_rank_that_fails*',
    ),
    '`mim train` in two processes': ('tests.test_hosts.test_several_*',),
    'killed, and resumed': (
        'tests.test_engine.test_resume.*',
        'tests.test_engine.test_two_ranks.*',
        'tests.test_engine.test_seeded_loader.*',
    ),
    'checkpoints torn': ('tests.test_engine.test_torn.*',),
    'numbers gone wrong': (
        'tests.test_engine.test_non_finite.*',
        'tests.test_engine.test_reproduce.*',
        'tests.test_engine.test_plain_batch.*',
        'tests.test_models.test_attn_fp32.*',
    ),
    'damaged data sets': (
        'tests.test_data_checks.*',
        'tests.test_engine.test_bad_samples.*',
        'tests.test_cli.test_check_data.*',
        'tests.test_hosts.test_missing_data.*',
    ),
    'calls from 8 threads': ('tests.test_load.test_threads.*',),
    'requests, memory flat': ('tests.test_load.test_soak.*',),
    'requests to the page': ('tests.test_serve.*', 'tests.test_cli.test_ser*'),
    'fuzz: arguments and inputs': ('tests.test_fuzz.test_models.*',),
    'fuzz: options of configs': ('tests.test_fuzz.test_configs.*',),
    'fuzz: weight files': ('tests.test_fuzz.test_weights.*',),
    'fuzz: pictures and videos': ('tests.test_fuzz.test_media.*',),
    'hostile and damaged weight files': (
        'tests.test_weights.test_reading.*',
        'tests.test_weights.test_archive.*',
        'tests.test_weights.test_storages.*',
        'tests.test_weights.test_unpickle.*',
        'tests.test_weights.test_wrappers.*',
        'tests.test_weights.test_writing.*',
    ),
    'downloads': (
        'tests.test_weights.test_fetch.*',
        'tests.test_weights.test_http.*',
        'tests.test_weights.test_verify.*',
        'tests.test_weights.test_hub.*',
        'tests.test_predict.test_web.*',
    ),
    'random edits of models': ('tests.test_fast.test_random_edits.*',),
    'calls that could run foreign code': ('tests.test_supply_chain.*',),
}


@dataclass(frozen=True)
class Figure:
    """What came of a kind.

    Args:
        kind (str): A key of ``KINDS``.
        tried (int): Examples, calls or tests.
        right (int): Of them, those of tests that passed.
        wrong (int): Those of tests that failed.
        note (str): What passing tests measured.
    """

    kind: str
    tried: int
    right: int
    wrong: int
    note: str


def figures_of(*reports: Path) -> list[Figure]:
    """Add up reports of pytest (``--junitxml``); skipped tests count not.

    A test counts as many as its property ``tried`` says, else once; of one in
    several reports the last one counts.
    """
    found: dict[str, list[tuple[int, bool, str]]] = {k: [] for k in KINDS}
    cases = {
        f'{case.get("classname")}.{case.get("name")}': case
        for report in reports  # written by our own tests, a moment ago
        for case in ET.parse(report).iter('testcase')  # nosec B314
    }
    for name, case in cases.items():
        if case.find('skipped') is not None:
            continue
        properties = {
            p.get('name'): p.get('value') for p in case.iter('property')
        }
        tried = int(properties.get('tried') or 1)
        failed = any(
            case.find(end) is not None for end in ('failure', 'error')
        )
        note = properties.get('note') or ''
        for kind, patterns in KINDS.items():
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                found[kind].append((tried, failed, note))
                break
    return [
        Figure(
            kind,
            sum(tried for tried, _, _ in own),
            sum(tried for tried, failed, _ in own if not failed),
            sum(tried for tried, failed, _ in own if failed),
            '; '.join(note for _, failed, note in own if note and not failed),
        )
        for kind, own in found.items()
    ]


def read(path: Path = FIGURES) -> list[Figure]:
    """Read a table of figures."""
    return [
        Figure(
            row['kind'],
            int(row['tried']),
            int(row['right']),
            int(row['wrong']),
            row['note'],
        )
        for row in read_rows(path, Figure)
    ]


def write(figures: Iterable[Figure], path: Path = FIGURES) -> None:
    """Write a table of figures."""
    write_rows(path, Figure, figures)
