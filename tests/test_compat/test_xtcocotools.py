"""The stand-in for ``xtcocotools`` gives the original's figures."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.keypoint_sets import Case, evaluate, make_case
from tests.support.xtcocotools_figures import (
    CASES,
    STORED,
    figures,
    original,
)

pytest.importorskip('pycocotools')

from uniformer_mm.compat import xtcocotools_mask
from uniformer_mm.compat.xtcocotools_coco import COCO
from uniformer_mm.compat.xtcocotools_cocoeval import COCOeval

pytestmark = [
    pytest.mark.filterwarnings('ignore:detections without'),
    pytest.mark.filterwarnings('ignore:.*_score. not found'),
]


def assert_same(ours: Any, theirs: Any) -> None:
    """Compare two evaluations in all that they hold, to the last bit."""
    assert ours.ious.keys() == theirs.ious.keys()
    for key, expected in theirs.ious.items():
        np.testing.assert_array_equal(ours.ious[key], expected)
    assert len(ours.evalImgs) == len(theirs.evalImgs)
    for mine, expected in zip(ours.evalImgs, theirs.evalImgs, strict=True):
        assert (mine is None) == (expected is None)
        for field in expected or ():
            np.testing.assert_array_equal(mine[field], expected[field])
    assert ours.eval['counts'] == theirs.eval['counts']
    for field in ('precision', 'recall', 'scores'):
        np.testing.assert_array_equal(ours.eval[field], theirs.eval[field])
    ours.summarize()
    theirs.summarize()
    np.testing.assert_array_equal(ours.stats, theirs.stats)


def both(case: Case, folder: Path) -> tuple[Any, Any]:
    """Evaluate with ours and with the original."""
    theirs = original('coco').COCO, original('cocoeval').COCOeval
    ours = evaluate(COCO, COCOeval, case, folder)
    return ours, evaluate(*theirs, case, folder)


@pytest.mark.parametrize(('kind', 'use_area', 'seed'), CASES)
def test_evaluations_equal_those_of_the_original(
    kind: str, use_area: bool, seed: int, tmp_path: Path
) -> None:
    assert_same(*both(make_case(kind, use_area, 100 + seed), tmp_path))


@pytest.mark.parametrize('kind', ['keypoints', 'keypoints_crowd', 'bbox'])
def test_no_detections_at_all_equal_the_original(
    kind: str, tmp_path: Path
) -> None:
    case = make_case(kind)
    case.detected = []
    assert_same(*both(case, tmp_path))


def test_no_persons_at_all_equal_the_original(tmp_path: Path) -> None:
    case = make_case('keypoints_foot')
    case.annotated['annotations'] = []
    ours, theirs = both(case, tmp_path)
    ours.summarize()
    theirs.summarize()
    np.testing.assert_array_equal(ours.stats, theirs.stats)


def test_one_class_for_all_equals_the_original(tmp_path: Path) -> None:
    ours, theirs = both(make_case('bbox'), tmp_path)
    for run in (ours, theirs):
        run.params.useCats = 0
        run.evaluate()
        run.accumulate()
    assert_same(ours, theirs)


def test_other_parameters_equal_the_original(tmp_path: Path) -> None:
    ours, theirs = both(make_case('keypoints_wholebody'), tmp_path)
    for run in (ours, theirs):
        run.params.maxDets = [20, 3]
        run.params.imgIds = run.params.imgIds[1:6]
        run.params.iouThrs = np.array([0.5, 0.75, 0.95])
        run.evaluate()
        run.accumulate()
    assert_same(ours, theirs)


def test_the_original_s_stored_figures_are_met(tmp_path: Path) -> None:
    stored = json.loads(STORED.read_text())['evaluations']
    found = figures(COCO, COCOeval, tmp_path)
    assert found.keys() == stored.keys()
    for name, expected in stored.items():
        assert max(expected['stats']) > 0.1, name
        for key, numbers in expected.items():
            assert found[name][key] == pytest.approx(numbers, abs=2e-6), name


def test_masks_are_those_of_pycocotools() -> None:
    theirs = importlib.import_module('pycocotools.mask')
    for name in xtcocotools_mask.__all__:
        assert getattr(xtcocotools_mask, name) is getattr(theirs, name)
    public = {name for name in dir(theirs) if not name.startswith('_')}
    assert set(xtcocotools_mask.__all__) == public


def test_annotations_without_the_field_are_no_crowd(tmp_path: Path) -> None:
    case = make_case('keypoints')
    evaluate(COCO, COCOeval, case, tmp_path)
    truth = COCO(str(tmp_path / 'annotated.json'))
    persons = case.annotated['annotations']
    crowds = [p['id'] for p in persons if p.get('iscrowd')]
    assert 0 < len(crowds) < len(persons)
    assert truth.getAnnIds(iscrowd=True) == crowds
    assert len(truth.getAnnIds(iscrowd=False)) == len(persons) - len(crowds)
    assert COCO().anns == {}


def test_the_annotations_stay_as_they_are(tmp_path: Path) -> None:
    case = make_case('keypoints')
    run = evaluate(COCO, COCOeval, case, tmp_path)
    run.summarize()
    assert [
        {'iscrowd': False, **person}
        for person in case.annotated['annotations']
    ] == run.cocoGt.dataset['annotations']


@pytest.mark.parametrize('kind', ['', 'mask', None, 3])
def test_other_kinds_are_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match=f"'bbox', 'segm' or .*got {kind!r}"):
        COCOeval(iouType=kind)


def test_a_missing_area_names_the_person_and_the_way_out(
    tmp_path: Path,
) -> None:
    case = make_case('keypoints', use_area=False)
    case.use_area = True
    with pytest.raises(KeyError, match=r'annotation \d+ has no .*use_area=Fa'):
        evaluate(COCO, COCOeval, case, tmp_path)


def test_sigmas_of_another_number_are_refused(tmp_path: Path) -> None:
    run = evaluate(COCO, COCOeval, make_case('keypoints_foot'), tmp_path)
    run.sigmas = np.ones(17)
    with pytest.raises(ValueError, match=r'each of the 6 .*_foot\), got 17'):
        run.evaluate()


def test_parts_without_a_score_of_their_own_warn(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="without 'foot_score' count with"):
        evaluate(COCO, COCOeval, make_case('keypoints_foot'), tmp_path)
