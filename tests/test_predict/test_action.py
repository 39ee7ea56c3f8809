"""Clips of every form: videos, folders of frames, arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.host_tests import HostTest
from tests.support.recipe import load_config
from uniformer_mm.predict import load
from uniformer_mm.predict.action import pipelines
from uniformer_mm.predict.host_model import HostModel
from uniformer_mm.predict.video import frames_of

pytest.importorskip('mmaction')
RED = (255, 0, 0)


def test_a_clip_is_the_same_in_every_form(
    host_test: Callable[[str], HostTest], tmp_path: Path
) -> None:
    test = host_test('action')
    predictor = load('action', weights=test.checkpoint, device='cpu')
    video = test.inputs[1]
    frames = np.stack(list(frames_of(video)))
    for i, frame in enumerate(frames):
        path = tmp_path / f'frame_{i}.png'
        cv2.imwrite(str(path), frame[..., ::-1])
    forms = [video, tmp_path, frames]
    results = list(predictor.predict(forms, batch_size=3))
    first = results[0]
    assert first.image is not None
    for result in results:
        assert result.error == ''
        assert result.size == frames.shape[1:3]
        # Two libraries decode the video.
        assert np.allclose(result.scores, first.scores, atol=0.01)
    assert np.array_equal(results[1].scores, results[2].scores)
    (swapped,) = predictor.predict(frames[..., ::-1], channel_order='bgr')
    assert np.array_equal(swapped.scores, results[2].scores)


def test_bad_clips(
    host_test: Callable[[str], HostTest], tmp_path: Path
) -> None:
    test = host_test('action')
    predictor = load('action', weights=test.checkpoint, device='cpu')
    (tmp_path / 'empty.mp4').touch()
    (tmp_path / 'text.mp4').write_text('no video')
    (tmp_path / 'a.jpg').write_text('no picture')
    inputs = [*sorted(tmp_path.iterdir()), 0, np.zeros((2, 4, 4), np.uint8)]
    results = predictor.predict(inputs, batch_size=2)
    assert [r.error.partition(',')[0].partition('(')[0] for r in results] == [
        'a clip must be a video ',
        'the file is empty',
        "can't read " + str(tmp_path / 'text.mp4') + ' ',
        'a camera has no end: record a clip first',
        'a clip must be ',
    ]
    assert all('\n' not in r.error for r in results)


@pytest.mark.parametrize(
    ('name', 'channel'),
    [
        ('uniformer-s_16x4_110e_k400', 0),
        ('uniformer-s_16_50e_sthv2_prek400', 2),  # of folders of frames, BGR
    ],
)
@pytest.mark.parametrize('kind', ['video', 'memory'])
def test_channels_are_those_of_the_training(
    name: str, channel: int, kind: str, tmp_path: Path
) -> None:
    clip = np.full((20, 32, 32, 3), RED, np.uint8)
    host = object.__new__(HostModel)
    host.host, host.config = 'mmaction', load_config('action', name)
    sample = {'start_index': 0, 'modality': 'RGB', 'label': -1}
    if kind == 'video':
        path = tmp_path / 'red.mp4'
        code = cv2.VideoWriter.fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(path), code, 25, (32, 32))
        for frame in clip:
            writer.write(frame[..., ::-1])
        writer.release()
        sample['filename'] = str(path)
    else:
        sample.update(array=clip, total_frames=len(clip))
    decode, rest = pipelines(host, kind)
    inputs = host.transform(rest, host.transform(decode, sample))['inputs']
    means = inputs.float().mean((0, 2, 3, 4))
    assert means.argmax() == channel
    assert means.max() > 200
