"""Which package an error is for want of, and how that is told."""

from __future__ import annotations

import pytest

from uniformer_mm.hosts import advice
from uniformer_mm.swap import make_swap
from uniformer_mm.undeclared import missing_in

BOXINST = 'mmdet::boxinst/boxinst_r50_fpn_ms-90k_coco.py'


@pytest.fixture(autouse=True)
def _none_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where they are not installed, whatever this environment has."""
    monkeypatch.setattr('uniformer_mm.undeclared.find_spec', lambda _: None)


@pytest.mark.parametrize(
    ('error', 'name'),
    [
        (
            ImportError('Please run "pip install sklearn" first.'),
            'scikit-learn',
        ),
        (RuntimeError('skimage is not installed, install it'), 'scikit-image'),
        (ModuleNotFoundError("No module named 'clip'"), 'openai-clip'),
        (KeyError('mmpretrain.ConvNeXt is not in the registry'), 'mmpretrain'),
        (ValueError('sklearn'), ''),
        (RuntimeError('clipped, collapsed: no package'), ''),
    ],
)
def test_an_error_names_its_package(error: Exception, name: str) -> None:
    package = missing_in(error)
    assert (package.name if package else '') == name


def test_the_error_behind_an_error_counts() -> None:
    try:
        try:
            raise ImportError("No module named 'lmdb'")
        except ImportError as cause:
            raise ValueError('no bank') from cause
    except ValueError as error:
        package = missing_in(error)
    assert package
    assert package.name == 'lmdb'


def test_what_is_there_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        'uniformer_mm.undeclared.find_spec', lambda _: object()
    )
    assert missing_in(ImportError('sklearn')) is None


@pytest.mark.hosts
def test_a_swap_says_what_the_model_wants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip('mmdet')
    from mmdet.models.data_preprocessors import data_preprocessor

    monkeypatch.setattr(data_preprocessor, 'skimage', None)
    monkeypatch.setattr('uniformer_mm.hosts.find_spec', lambda _: None)
    notes = make_swap(BOXINST).notes
    (note,) = [note for note in notes if 'could not be built' in note]
    assert note.endswith("pip install 'uniformer_mm[stock]'")


@pytest.mark.parametrize(
    ('modules', 'text'),
    [
        (['no_1'], 'not installed: no_1'),
        (
            ['no_1', 'sklearn', 'lmdb'],
            'not installed: no_1, sklearn, lmdb; '
            "pip install 'uniformer_mm[stock]'",
        ),
    ],
)
def test_advice_names_an_extra_once(
    modules: list[str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('uniformer_mm.hosts.find_spec', lambda _: None)
    assert advice(modules) == text
