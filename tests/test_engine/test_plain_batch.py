"""Batches of the hosts as tensors and plain data, in a file and back."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.structures import (
    BaseDataElement,
    InstanceData,
    LabelData,
    PixelData,
)

from tests.support.one_step import to_one_small_step
from tests.support.recipe import load_config
from uniformer_mm.engine.plain_batch import ELEMENTS, from_plain, to_plain
from uniformer_mm.hosts import TASK_HOSTS, import_extra
from uniformer_mm.weights.reading import load_content

CONFIGS = [
    ('detection', 'uniformer_maskrcnn_toy'),
    ('segmentation', 'uniformer_fpn_toy'),
    ('pose', 'uniformer_pose_toy'),
    ('action', 'uniformer-s_toy'),
    ('classification', 'uniformer-s_toy'),
]


def through_a_file(value: Any, path: Path) -> tuple[Any, list[str]]:
    """What is there after writing and reading, and what was left out."""
    plain, left_out = to_plain(value)
    torch.save(plain, path)
    with path.open('rb') as file:
        content, _, checked = load_content(file, path)
    assert checked
    return from_plain(content), left_out


def assert_same(got: Any, expected: Any) -> None:
    """To the bit, and of the same types."""
    assert type(got) is type(expected)
    if isinstance(expected, BaseDataElement):
        assert_same(got.metainfo, expected.metainfo)
        assert_same(dict(got.items()), dict(expected.items()))
    elif isinstance(expected, Mapping):
        assert got.keys() == expected.keys()
        for key, value in expected.items():
            assert_same(got[key], value)
    elif isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, torch.Tensor):
        assert got.dtype == expected.dtype
        assert torch.equal(got, expected)
        assert got.stride() == expected.stride() or not expected.numel()
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
    elif hasattr(expected, 'tensor'):
        assert_same(got.tensor, expected.tensor)
    elif hasattr(expected, 'masks'):
        assert_same(vars(got), vars(expected))
    else:
        assert got == expected


@pytest.mark.parametrize(('task', 'name'), CONFIGS)
def test_batch_of_a_host(
    task: str, name: str, few_shapes: Path, tmp_path: Path
) -> None:
    host = TASK_HOSTS[task]
    pytest.importorskip(host)
    config = load_config(task, name)
    to_one_small_step(config, task, few_shapes)
    import_extra(host)
    with DefaultScope.overwrite_default_scope(host):
        loader = Runner.build_dataloader(config.train_dataloader, seed=0)
    batch = next(iter(loader))
    got, left_out = through_a_file(batch, tmp_path / 'batch.pth')
    assert not left_out
    assert_same(got, batch)


@pytest.mark.parametrize('kind', ELEMENTS)
def test_every_element_is_made_again(kind: str, tmp_path: Path) -> None:
    module, _, name = kind.rpartition('.')
    pytest.importorskip(module.partition('.')[0])
    element = getattr(import_module(module), name)(
        metainfo={'ori_shape': (4,)}
    )
    if name == 'MultilevelPixelData':
        element.heatmaps = [torch.rand(2, 4, 4), torch.rand(2, 8, 8)]
    elif name == 'PixelData':
        element.heatmap = torch.rand(2, 4, 4)
    else:
        element.numbers = torch.rand(3)
    got, left_out = through_a_file(element, tmp_path / 'batch.pth')
    assert not left_out
    assert_same(got, element)


def test_boxes_and_masks(tmp_path: Path) -> None:
    bbox = pytest.importorskip('mmdet.structures.bbox')
    mask = pytest.importorskip('mmdet.structures.mask')
    polygon = np.array([0.0, 0, 3, 0, 3, 3])
    batch = [
        bbox.HorizontalBoxes(torch.rand(2, 4)),
        bbox.HorizontalBoxes(torch.zeros(0, 4)),
        mask.BitmapMasks(np.ones((2, 4, 6), np.uint8), 4, 6),
        mask.BitmapMasks(np.zeros((0, 4, 6), np.uint8), 4, 6),
        mask.PolygonMasks([[polygon], [polygon, polygon + 1]], 4, 6),
    ]
    got, left_out = through_a_file(batch, tmp_path / 'batch.pth')
    assert not left_out
    assert_same(got, batch)


@pytest.mark.parametrize(
    'value',
    [
        None,
        True,
        2**70,
        -1.5,
        'text',
        {},
        {1: 'a', None: [(), {'kind': 'os.system'}]},
        torch.zeros(0, 3),
        torch.rand(2, 3, 4).bfloat16(),
        torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        np.zeros((0, 2)),
        np.arange(6, dtype='>u2').reshape(2, 3),
        np.arange(6).reshape(2, 3).T,
        np.float32(1.5),
        InstanceData(labels=torch.arange(2), names=['a', 'b']),
        LabelData(label=torch.ones(1)),
        PixelData(metainfo={'a': np.int64(3)}, seg=torch.ones(1, 2, 2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_value(value: Any, tmp_path: Path) -> None:
    got, left_out = through_a_file(value, tmp_path / 'batch.pth')
    assert not left_out
    assert_same(got, value)


class Own:
    """Of no host."""


def test_what_is_unknown_is_left_out_and_named(tmp_path: Path) -> None:
    element = BaseDataElement(metainfo={'own': Own(), 'img_id': 3})
    element.field = {1, 2}
    element.kept = torch.ones(2)
    batch = {
        'inputs': [torch.ones(1), Own()],
        'sparse': torch.ones(2).to_sparse(),
        'eighths': torch.ones(2).to(torch.float8_e5m2),
        'objects': np.array([None]),
        'masked': np.ma.array([1, 2], mask=[0, 1]),
        (1, 2): 0,
    }
    own = f'{__name__}.Own'
    got, left_out = through_a_file(element, tmp_path / 'a.pth')
    assert (got.metainfo, list(got.keys())) == ({'img_id': 3}, ['kept'])
    expected = [f"batch['own'] ({own})", "batch['field'] (builtins.set)"]
    assert left_out == expected
    got, left_out = through_a_file(batch, tmp_path / 'b.pth')
    assert (got, left_out) == (None, ['batch (builtins.dict)'])
    del batch[1, 2]
    got, left_out = through_a_file(batch, tmp_path / 'c.pth')
    assert got == {'inputs': [torch.ones(1), None]}
    # Its type's name depends on the release.
    assert left_out.pop().startswith("batch['masked'] (numpy.ma.")
    assert left_out == [
        f"batch['inputs'][1] ({own})",
        "batch['sparse'] (torch.Tensor)",
        "batch['eighths'] (torch.Tensor)",
        "batch['objects'] (numpy.ndarray)",
    ]
    assert through_a_file(Own(), tmp_path / 'd.pth') == (
        None,
        [f'batch ({own})'],
    )


@pytest.mark.parametrize(
    ('plain', 'words'),
    [
        ({'kind': 'os.system', 'masks': [], 'height': 1, 'width': 1}, 'holds'),
        ({'kind': 'mmdet.structures.SampleList', 'fields': {}}, 'holds no'),
        ({'a': 1}, 'holds no dict'),
        ({1, 2}, 'holds no set'),
        ({'kind': 'dict'}, 'dict is not whole'),
        ({'kind': 'dict', 'items': []}, 'dict is not whole'),
        (
            {
                'kind': ELEMENTS[0],
                'metainfo': {},
                'fields': {'_data_fields': 1},
            },
            'not whole',
        ),
        (
            {'kind': ELEMENTS[0], 'metainfo': {}, 'fields': {'__class__': 1}},
            'has no',
        ),
        (
            {'kind': ELEMENTS[1], 'metainfo': {}, 'fields': {'a': 1}},
            'not whole',
        ),
        (
            {
                'kind': 'numpy.ndarray',
                'dtype': 'O',
                'shape': [1],
                'bytes': torch.zeros(8, dtype=torch.uint8),
            },
            'array has no object',
        ),
        (
            {
                'kind': 'numpy.ndarray',
                'dtype': '<f8',
                'shape': [1 << 40],
                'bytes': torch.zeros(8, dtype=torch.uint8),
            },
            'reshape',
        ),
        (torch.zeros(1).expand(1 << 40), 'larger than its bytes'),
        (torch.zeros(8).to(torch.float8_e5m2), 'no tensor of'),
        ([many := [1], many], 'in two places'),
    ],
)
def test_nothing_else_is_made(plain: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_plain(plain)
