from __future__ import annotations

from typing import Any

import pytest

from uniformer_mm.analysis import InputShape, count_complexity, default_shape


def config(
    scope: str, *steps: dict[str, Any], wrapped: bool = False, **model: Any
) -> dict[str, Any]:
    dataset: dict[str, Any] = {'pipeline': [{'type': 'Load'}, *steps]}
    if wrapped:
        dataset = {'type': 'Wrapper', 'dataset': dataset}
    return {
        'default_scope': scope,
        'model': {'type': 'Model', **model},
        'test_dataloader': {'dataset': dataset},
    }


PADDED = {'data_preprocessor': {'pad_size_divisor': 32}}


def resize(*scale: int) -> dict[str, Any]:
    return {'type': 'Resize', 'scale': scale, 'keep_ratio': True}


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        (config('mmdet', resize(1333, 800), **PADDED), ((800, 1280), 1)),
        (config('mmdet', resize(1000, 600), **PADDED), ((608, 1024), 1)),
        (
            config('mmdet', resize(100, 60), data_preprocessor={}),
            ((60, 100), 1),
        ),
        (config('mmseg', resize(2048, 512)), ((512, 2048), 1)),
        (config('mmseg', resize(65, 64), wrapped=True), ((64, 65), 1)),
        (
            config('mmpose', head={'decoder': {'input_size': (192, 256)}}),
            ((256, 192), 1),
        ),
        (
            config(
                'mmaction',
                {'type': 'SampleFrames', 'clip_len': 16, 'num_clips': 4},
                {'type': 'CenterCrop', 'crop_size': 224},
            ),
            ((16, 224, 224), 4),
        ),
        (
            config(
                'mmaction',
                {'type': 'UniformSample', 'clip_len': 32},
                {'type': 'mmaction.ThreeCrop', 'crop_size': (320, 256)},
            ),
            ((32, 256, 320), 3),
        ),
        (
            {
                **config(
                    'mmaction',
                    {'type': 'SampleFrames', 'clip_len': 1, 'num_clips': 25},
                    {'type': 'TenCrop', 'crop_size': 224},
                ),
                'model': {'type': 'Recognizer2D'},
            },
            ((25, 224, 224), 10),
        ),
    ],
)
def test_what_a_config_is_tested_on(
    settings: dict[str, Any], expected: tuple[tuple[int, ...], int]
) -> None:
    assert default_shape(settings) == InputShape(*expected)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (config('mmdet', **PADDED), r'--shape H W`\).*no .scale. in the test'),
        (config('mmpose', head={}), r'shape must be given.*KeyError'),
        (
            config('mmaction', {'type': 'CenterCrop', 'crop_size': 224}),
            r'--shape T H W.*no .clip_len.',
        ),
        ({'default_scope': 'mmseg', 'model': {}}, r'shape must be given'),
        ({}, r'shape must be given'),
    ],
)
def test_a_config_that_does_not_tell(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        default_shape(settings)


def test_the_reason_reaches_the_counter() -> None:
    from mmengine import Config

    with pytest.raises(ValueError, match='shape must be given'):
        count_complexity(Config(config('mmseg')))
