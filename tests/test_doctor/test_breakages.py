from __future__ import annotations

import pytest

from tests.support.doctor_facts import (
    COMPILED,
    DRN,
    NO_OPS,
    OFF,
    facts_but,
)
from uniformer_mm.doctor.advice import explain
from uniformer_mm.doctor.breakages import KNOWN
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
        'mmcv version',
        facts_but(
            {'mmpose': 'AssertionError: MMCV==1.7.2 is used but'},
            {'mmcv-full': '1.7.2'},
            drop=('mmcv-lite', 'mmdet', 'mmsegmentation', 'mmaction2'),
        ),
        'pip uninstall mmcv mmcv-lite',
    ),
    (
        'mmcv twice',
        facts_but(versions={'mmcv': '2.1.0'}),
        'pip uninstall -y mmcv mmcv-lite',
    ),
    *(
        (
            'mmcv twice',
            facts_but({'mmdet': error}),
            'pip uninstall -y mmcv mmcv-lite',
        )
        for error in (
            "AttributeError: module 'mmcv' has no attribute '__version__'",
            "ImportError: cannot import name 'ops' from 'mmcv' (unknown loc",
            "ModuleNotFoundError: No module named 'mmcv'",
        )
    ),
    (
        'OpenCV twice',
        facts_but(
            {'cv2': "AttributeError: module 'cv2' has no attribute 'imread'"},
            {'opencv-python': '4.11.0.86'},
        ),
        'pip install opencv-python-headless.',
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
        facts_but(torchvision_for='2.5.1'),
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
        'numpy 1',
        facts_but(
            {
                'cv2': 'ValueError: numpy.dtype size changed, may indicate '
                'binary incompatibility. Expected 88 from C header'
            }
        ),
        'pip install --upgrade numpy',
    ),
    *(
        ('numpy 2', facts_but({'cv2': error}), "pip install 'numpy<2'")
        for error in (
            'ValueError: numpy.dtype size changed, may indicate binary '
            'incompatibility. Expected 96 from C header, got 88',
            'ImportError: A module that was compiled using NumPy 1.x cannot',
            'ImportError: numpy.core.multiarray failed to import',
            'AttributeError: _ARRAY_API not found',
        )
    ),
    (
        'releases',
        facts_but(versions={'torch': '2.4.1'}),
        "torch 2.4.1 is too old: pip install 'torch>=2.5'.",
    ),
    (
        'releases',
        facts_but(
            {'mmdet': 'AssertionError: MMCV==2.1.0 is used but incompatible'},
            {'mmdet': '2.28.2', 'mmpose': '2.0'},
        ),
        "mmdet 2.28.2 is too old: pip install 'mmdet>=3.3.0,<3.4'; "
        "mmpose 2.0 is too new: pip install 'mmpose>=1.3.2,<1.4'.",
    ),
    (
        'releases',
        facts_but(python='3.15.0'),
        'python 3.15.0 is too new: make an environment with Python '
        '>=3.10,<3.15.',
    ),
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
    (
        'Windows libraries',
        facts_but({'cv2': 'ImportError: DLL load failed while importing cv2'}),
        'Media Feature Pack',
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
    (
        'stock models',
        facts_but(drop=('scikit-image', 'nltk')),
        'scikit-image (BoxInst of mmdet), nltk (GLIP of mmdet); pip install '
        "'uniformer_mm[stock]'.",
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
    for error in filter(None, facts.errors.values()):
        assert explain(error, facts) == (name, advice[name])


def test_every_known_breakage_has_a_case_and_a_name_of_its_own() -> None:
    names = [breakage.name for breakage in KNOWN]
    assert {name for name, _, _ in CASES} == set(names)
    assert len({*names, *MODULES}) == len(names) + len(MODULES)


def test_replacements_need_a_torch_that_reads_entry_points() -> None:
    facts = facts_but({'mmcv': NO_OPS}, {'torch': '2.4.1'})
    advice = found(facts)['replacements']
    assert '(torch 2.4.1 reads no entry points)' in advice


@pytest.mark.parametrize(
    'facts',
    [
        facts_but(versions={'numpy': '2.4.6'}),
        facts_but(
            versions={'mmcv': '2.2.0'},
            drop=('mmcv-lite', 'mmdet', 'mmsegmentation', 'mmaction2'),
        ),
        facts_but(versions={'click': '9.0'}, drop=('openmim',)),
        facts_but(python='3.12.1'),
        facts_but(versions={'torch': '2.9.1+cpu'}, torchvision_for='2.9.1'),
        facts_but(env=OFF),
    ],
)
def test_what_breaks_nothing_is_no_breakage(facts: Facts) -> None:
    assert found(facts) == {}
