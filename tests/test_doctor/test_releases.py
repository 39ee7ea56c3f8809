from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from uniformer_mm.doctor.releases import (
    MMCV,
    SUPPORTED,
    Supported,
    misfits,
    release,
)
from uniformer_mm.hosts import HOSTS

ROOT = Path(__file__).parents[2]


def required() -> dict[str, str]:
    """The lowest release of each distribution that setup.cfg bounds."""
    parser = ConfigParser()
    parser.read(ROOT / 'setup.cfg', encoding='utf-8')
    options = parser['options']
    text = '\n'.join(
        (
            options['install_requires'],
            f'python{options["python_requires"]}',
            *parser['options.extras_require'].values(),
        )
    )
    return dict(re.findall(r'^([\w-]+)[>=]=([\d.]+)', text, re.MULTILINE))


def test_the_table_is_that_of_setup_cfg() -> None:
    lowest = required()
    # Of mmcv the extra brings one release, and the hosts take older ones.
    for name in SUPPORTED.keys() - set(MMCV):
        assert SUPPORTED[name].lowest == lowest[name], name
    for name in SUPPORTED.keys() & lowest.keys():
        assert not SUPPORTED[name].fault(lowest[name]), name
    assert {host.distribution for host in HOSTS.values()} <= SUPPORTED.keys()


@pytest.mark.parametrize(
    ('version', 'expected'),
    [
        ('2.9.1+cu128', (2, 9, 1)),
        ('2.10.0', (2, 10)),
        ('2.0.0rc4', (2,)),
        ('9', (9,)),
        ('', ()),
        ('unknown', ()),
    ],
)
def test_release(version: str, expected: tuple[int, ...]) -> None:
    assert release(version) == expected


@pytest.mark.parametrize(
    ('version', 'fault'),
    [
        ('3.2.99', 'too old'),
        ('3.3', ''),
        ('3.3.5+local', ''),
        ('3.4.0', 'too new'),
        ('10.0', 'too new'),
    ],
)
def test_a_release_is_too_old_or_too_new(version: str, fault: str) -> None:
    assert Supported('3.3.0', '3.4').fault(version) == fault
    assert not Supported('3.3.0').fault('10.0')


def test_misfits_name_the_fix() -> None:
    versions = {'mmengine': '0.9.1', 'mmcv': '1.7', 'numpy': '0.1'}
    assert misfits(versions, '3.11.7') == [
        "mmengine 0.9.1 is too old: pip install 'mmengine>=0.10.4,<1.0'"
    ]
    assert misfits({}, '3.9.1') == [
        'python 3.9.1 is too old: make an environment with Python >=3.10,<3.15'
    ]
