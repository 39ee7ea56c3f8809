"""Configs within weight files are read, and never run."""

from __future__ import annotations

import pytest
from mmengine import Config

from tests.support.recipe import CONFIGS
from uniformer_mm.predict.stored_config import stored_config

pytest.importorskip('mmdet')
MODEL = "default_scope = 'mmdet'\nmodel = dict(type={})\n"


@pytest.mark.parametrize(
    'name',
    [
        'detection/uniformer_cascade_toy',
        'segmentation/uniformer_upernet_toy',
        'pose/uniformer_pose_toy',
        'action/tsn_uniformer-s_toy',
    ],
)
def test_it_is_what_mmengine_reads(name: str) -> None:
    config = Config.fromfile(CONFIGS / f'{name}.py')
    pytest.importorskip(config.default_scope)
    stored = stored_config({'cfg': config.pretty_text})
    assert stored is not None
    assert stored.to_dict() == config.to_dict()


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (MODEL.format("__import__('os').getcwd()"), 'calls more than dict'),
        (MODEL.format("'subprocess.Popen'"), "'subprocess.Popen', which no"),
        (MODEL.format("'mmengine.dump'"), "'mmengine.dump', which no"),
        (MODEL.format("'os.MaskRCNN'"), "'os.MaskRCNN', which no"),
        # mmcv evaluates the type of a NMS.
        (MODEL.format("'MaskRCNN', a=dict(type='print()')"), r"'print\(\)'"),
        ('model = (', 'is not read'),
        ('[' * 10_000, 'is not read'),
    ],
)
def test_nothing_in_it_is_run(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        stored_config({'cfg': text})


@pytest.mark.parametrize('meta', [{}, {'cfg': 3}, {'cfg': 'a = 1'}])
def test_there_may_be_none(meta: dict[str, object]) -> None:
    assert stored_config(meta) is None
