from __future__ import annotations

import pytest

from tests.support.doctor_facts import (
    COMPILED,
    DRN,
    NO_OPS,
    OFF,
    facts_but,
)
from uniformer_mm.doctor.breakages import KNOWN, release
from uniformer_mm.doctor.facts import MODULES, Facts


def found(facts: Facts) -> dict[str, str]:
    return {b.name: text for b in KNOWN if (text := b.find(facts))}


CASES = [
    (
        'replacements',
        facts_but({'mmcv': NO_OPS}, env=OFF),
        '(UNIFORMER_MM_COMPAT=0): unset UNIFORMER_MM_COMPAT.',
    ),
    (
        'replacements',
        facts_but(
            {'mmaction': f"No module named '{DRN}'"},
            env={'TORCH_DEVICE_BACKEND_AUTOLOAD': '0'},
        ),
        'unset TORCH_DEVICE_BACKEND_AUTOLOAD.',
    ),
    (
        'replacements',
        facts_but({'mmcv': NO_OPS}, {'torch': '2.4.1'}),
        '(torch 2.4.1 reads no entry points): use torch >= 2.5.',
    ),
    (
        'replacements',
        facts_but({'mmcv': NO_OPS}, entry_point=False),
        'install uniformer_mm with pip.',
    ),
    (
        'mmcv build',
        facts_but({'mmcv': '_ext.cpython-311.so: undefined symbol: _ZN3'}),
        "pip install 'uniformer_mm[lite]'",
    ),
    (
        'mmcv version',
        facts_but(versions={'mmcv': '2.2.0'}, drop=('mmcv-lite',)),
        "pip install 'uniformer_mm[lite]'",
    ),
    (
        'mmcv twice',
        facts_but(versions={'mmcv': '2.1.0'}),
        'pip uninstall -y mmcv mmcv-lite',
    ),
    (
        'compiled ops',
        facts_but(versions=COMPILED, drop=('mmcv-lite',), replaced=(DRN,)),
        'out_channels_last=True',
    ),
    (
        'torchvision release',
        facts_but({'torchvision': 'operator torchvision::nms does not exist'}),
        "pip install --upgrade torchvision 'torch==2.9.1'.",
    ),
    (
        'torchvision release',
        facts_but(drop=('torchvision',)),
        "pip install --upgrade torchvision 'torch==2.9.1'.",
    ),
    *(
        (
            'undeclared',
            facts_but({'mmseg': f"No module named '{module}'"}),
            'pip install ftfy regex importlib_metadata.',
        )
        for module in ('ftfy', 'regex', 'importlib_metadata')
    ),
    (
        'weights_only',
        facts_but(
            {'uniformer_mm': 'UnpicklingError: Weights only load failed'}
        ),
        'import uniformer_mm first',
    ),
    (
        'unchecked load',
        facts_but(env={'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': '1'}),
        'unset TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD.',
    ),
    (
        'pkg_resources',
        facts_but({'mim': "No module named 'pkg_resources'"}),
        "pip install 'setuptools>=70,<81'.",
    ),
    (
        'numpy 2',
        facts_but(
            {'xtcocotools': 'ValueError: numpy.dtype size changed, may'}
        ),
        "pip install 'numpy<2'",
    ),
    ('python release', facts_but(python='3.9.18'), 'Use Python 3.10'),
    ('python release', facts_but(python='3.14.0'), 'Use Python 3.10'),
    (
        'pycocotools',
        facts_but(
            {'xtcocotools': "xtcocotools' compiled module does not work"}
        ),
        'pip install --upgrade pycocotools.',
    ),
    (
        'libGL',
        facts_but({'cv2': 'libGL.so.1: cannot open shared object file'}),
        'opencv-python-headless',
    ),
    ('pip', facts_but({'mim': "No module named 'pip'"}), 'ensurepip'),
    (
        'click 9',
        facts_but(versions={'click': '9.0'}),
        "pip install 'click<9'.",
    ),
    (
        'albumentations',
        facts_but(versions={'albumentations': '2.0.8'}),
        'albumentations==1.4.24',
    ),
    ('no GPU', facts_but(gpu=''), '--launcher'),
]


@pytest.mark.parametrize(('name', 'facts', 'fix'), CASES)
def test_each_breakage_alone_gives_its_advice(
    name: str, facts: Facts, fix: str
) -> None:
    advice = found(facts)
    assert list(advice) == [name]
    assert fix in advice[name]


def test_every_known_breakage_has_a_case_and_a_name_of_its_own() -> None:
    names = [breakage.name for breakage in KNOWN]
    assert {name for name, _, _ in CASES} == set(names)
    assert len({*names, *MODULES}) == len(names) + len(MODULES)


@pytest.mark.parametrize(
    'facts',
    [
        facts_but(versions={'numpy': '2.4.6'}),
        facts_but(
            versions={'mmcv': '2.2.0'},
            drop=('mmcv-lite', 'mmdet', 'mmsegmentation', 'mmaction2'),
        ),
        facts_but(
            versions={'torch': '2.4.1', 'mmcv': '2.1.0'}, drop=('mmcv-lite',)
        ),
        facts_but(versions={'click': '9.0'}, drop=('openmim',)),
        facts_but(python='3.12.1'),
        facts_but(env=OFF),
    ],
)
def test_what_breaks_nothing_is_no_breakage(facts: Facts) -> None:
    assert found(facts) == {}


@pytest.mark.parametrize(
    ('version', 'expected'),
    [('2.9.1+cu128', (2, 9)), ('2.10.0', (2, 10)), ('9', (9,)), ('', ())],
)
def test_release(version: str, expected: tuple[int, ...]) -> None:
    assert release(version) == expected
