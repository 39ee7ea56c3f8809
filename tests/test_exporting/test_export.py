"""Whole models exported, compared, and used by ``predict``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uniformer_mm
from tests.support.host_tests import HostTest
from tests.support.sure_detectors import make_sure
from uniformer_mm.cli.main import main
from uniformer_mm.exporting import ParityError, export, write_torch
from uniformer_mm.predict import load
from uniformer_mm.runtimes import SUFFIXES, open_session

Get = Callable[[str], HostTest]

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')


@pytest.fixture(scope='module')
def sure(host_test: Get, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the detector, with scores that are not all alike."""
    test = host_test('detection')
    predictor = load('detection', weights=test.checkpoint, device='cpu')
    make_sure(predictor.module, lambda: predictor.predict(test.inputs[:1]))
    content = torch.load(test.checkpoint, weights_only=False)
    content['state_dict'] = predictor.module.state_dict()
    path = tmp_path_factory.mktemp('sure') / 'detector.pth'
    torch.save(content, path)
    return path


def test_a_segmentor(host_test: Get, tmp_path: Path) -> None:
    test = host_test('segmentation')
    out = tmp_path / 'model.onnx'
    report = uniformer_mm.export(test.config, test.checkpoint, out=out)
    assert not report.failures
    assert report.agreement is not None
    shapes = {case.shape for case in report.cases}
    assert len(shapes) == len(report.cases) >= 5
    told = json.loads((tmp_path / 'model.onnx.report.json').read_text())
    assert told['error'] == report.error > 0
    assert told['latency']['file_ms'] > 0
    expected = load('segmentation', weights=test.checkpoint, device='cpu')
    predictor = load('segmentation', weights=out)
    assert predictor.legend == expected.legend
    for batch_size in (1, 3):
        results = predictor.predict(test.inputs, batch_size=batch_size)
        for result, sample in zip(results, test.samples, strict=True):
            (labels,) = sample['pred_sem_seg']['data']
            assert result.label_map is not None
            assert np.mean(result.label_map == labels.numpy()) > 0.999


@pytest.mark.slow
@pytest.mark.parametrize('kind', list(SUFFIXES))
def test_a_detector(
    host_test: Get, sure: Path, tmp_path: Path, kind: str
) -> None:
    if kind == 'openvino':
        pytest.importorskip('openvino')
    test = host_test('detection')
    out = tmp_path / f'model{SUFFIXES[kind]}'
    report = export(test.config, sure, format=kind, out=out, size=(128, 160))
    assert not report.failures
    assert sum(case.compared for case in report.cases) > 50
    found = load('detection', weights=out).predict(test.inputs, batch_size=2)
    expected = load('detection', weights=sure, device='cpu').predict(
        test.inputs
    )
    for got, result in zip(found, expected, strict=True):
        assert got.error == ''
        assert len(result.labels) > 0
        assert np.array_equal(got.labels, result.labels)
        np.testing.assert_allclose(got.boxes, result.boxes, atol=0.01)
        np.testing.assert_allclose(got.scores, result.scores, atol=1e-4)
        assert got.masks.shape == result.masks.shape
        assert np.mean(got.masks != result.masks) < 1e-3


def test_an_estimator(host_test: Get, tmp_path: Path) -> None:
    test = host_test('pose')
    out = tmp_path / 'model.onnx'
    assert not export(test.config, test.checkpoint, out=out).failures
    boxes = {'boxes': 'whole', 'batch_size': 2}
    found = load('pose', weights=out).predict(test.inputs, **boxes)
    expected = load('pose', weights=test.checkpoint, device='cpu').predict(
        test.inputs, **boxes
    )
    for got, result in zip(found, expected, strict=True):
        assert got.error == ''
        errors = np.abs(got.keypoints - result.keypoints).max(-1)
        # Of peaks of nearly the same height either may be the higher one.
        assert np.mean(errors < 0.01) > 0.95


def test_a_recognizer(host_test: Get, tmp_path: Path) -> None:
    test = host_test('action')
    out = tmp_path / 'model.onnx'
    assert not export(test.config, test.checkpoint, out=out).failures
    results = load('action', weights=out).predict(test.inputs)
    for result, sample in zip(results, test.samples, strict=True):
        expected = sample['pred_score'].softmax(-1)
        assert result.scores is not None
        np.testing.assert_allclose(
            result.scores, expected[list(result.labels)], atol=1e-5
        )


def test_a_classifier(host_test: Get, tmp_path: Path) -> None:
    test = host_test('classification')
    out = tmp_path / 'model.onnx'
    assert not export(test.config, test.checkpoint, out=out).failures
    results = load('classification', weights=out).predict(test.inputs)
    for result, sample in zip(results, test.samples, strict=True):
        assert result.scores is not None
        expected = sample['pred_score'][list(result.labels)]
        np.testing.assert_allclose(result.scores, expected, atol=1e-5)


def test_a_program_takes_the_pictures_that_it_is_for(
    host_test: Get, tmp_path: Path
) -> None:
    test = host_test('classification')
    settings: dict[str, Any] = {
        'format': 'exported-program',
        'out': tmp_path / 'model.pt2',
    }
    with pytest.raises(ValueError, match=r'64 px on.* are 32 x 32: set fixed'):
        export(test.config, test.checkpoint, **settings)
    export(test.config, test.checkpoint, fixed_size=True, **settings)
    results = load('classification', weights=settings['out']).predict(
        test.inputs
    )
    assert not any(result.error for result in results)


@pytest.mark.parametrize(
    'kind', ['openvino', 'exported-program', 'torchscript']
)
def test_backbones_in_other_formats(
    host_test: Get, tmp_path: Path, kind: str
) -> None:
    if kind == 'openvino':
        pytest.importorskip('openvino')
    test = host_test('segmentation')
    out = tmp_path / f'model{SUFFIXES[kind]}'
    report = export(
        test.config, test.checkpoint, format=kind, out=out, backbone=True
    )
    assert not report.failures
    session = open_session(out)
    card = session.card
    assert card.task == 'backbone'
    assert card.outputs == ['stage1', 'stage2', 'stage3', 'stage4']
    assert list(card.classes) == ['background', 'circle', 'square', 'triangle']
    assert card.mean == pytest.approx([123.675, 116.28, 103.53])
    assert card.channel_order == 'rgb'
    assert [step['type'] for step in card.size_rule].count('Resize') == 1
    assert len(card.sha256) == 64
    assert card.versions['torch']
    with pytest.raises(ValueError, match='for backbone, not for segment'):
        load('segmentation', weights=out)


@pytest.mark.parametrize('kind', ['onnx', 'openvino'])
def test_int8(host_test: Get, tmp_path: Path, kind: str) -> None:
    if kind == 'openvino':
        pytest.importorskip('openvino')
        pytest.importorskip('nncf')
    test = host_test('segmentation')
    out = tmp_path / f'model{SUFFIXES[kind]}'
    report = export(
        test.config,
        test.checkpoint,
        format=kind,
        out=out,
        precision='int8',
        pictures=test.inputs,
    )
    # It is another network by now, and told to be one; of all sizes.
    assert 1e-3 < report.error < 0.3
    assert len({case.shape for case in report.cases}) >= 5
    assert [case.picture for case in report.cases].count(True) == 4
    assert open_session(out).card.precision == 'int8'


def test_a_file_that_is_off(
    host_test: Get,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    test = host_test('segmentation')
    out = tmp_path / 'model.torchscript'
    out.write_text('as it was')
    trace = torch.jit.trace

    def spoiled(network: Any, *args: Any, **settings: Any) -> Any:
        network.backbone.norm4.bias += 0.1
        return trace(network, *args, **settings)

    monkeypatch.setattr(write_torch.torch.jit, 'trace', spoiled)
    words = ['--format', 'torchscript', '--out', str(out), '--backbone']
    paths = [str(test.config), str(test.checkpoint)]
    assert main(['export', *paths, *words]) == 1
    shown = capsys.readouterr()
    assert 'is off and was kept as' in shown.err
    assert 'stage4' in shown.out
    assert out.read_text() == 'as it was'
    names = {path.name for path in tmp_path.iterdir()}
    failed = 'model.torchscript.failed'
    assert names == {out.name, failed, f'{failed}.report.json'}
    with pytest.raises(ParityError, match='relative error'):
        export(*paths, format='torchscript', out=out, backbone=True)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'format': 'tflite'}, 'unknown format'),
        ({'precision': 'fp8'}, 'unknown precision'),
        ({'precision': 'bf16'}, "'bf16' is for .*openvino.*not for 'onnx'"),
        ({'precision': 'int8'}, 'int8 needs pictures'),
        (
            {'precision': 'int8', 'format': 'torchscript'},
            "'int8' is for .*onnx.*openvino.*not for 'torchscript'",
        ),
        ({'size': (64,)}, 'size must be a height and a width'),
        ({'size': (64, 16)}, r'size must be >= 32, got 16'),
        ({'out': 'model.pb'}, "out must end in '.onnx' for onnx"),
        ({'tolerance': -1}, 'tolerance must'),
    ],
)
def test_arguments(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        export('segmentation/uniformer_fpn_toy', 'none.pth', **settings)


def test_what_is_no_plain_file_is_not_replaced(tmp_path: Path) -> None:
    pipe, link = tmp_path / 'pipe.onnx', tmp_path / 'link.onnx'
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    (tmp_path / 'folder.onnx').mkdir()
    for path in (pipe, link, tmp_path / 'folder.onnx'):
        with pytest.raises(ValueError, match='no plain file, and not replac'):
            export('segmentation/uniformer_fpn_toy', 'none.pth', out=path)
    link.unlink()
    link.symlink_to(tmp_path / 'real.pb')
    with pytest.raises(ValueError, match=r"must end in '.onnx'.*real\.pb"):
        export('segmentation/uniformer_fpn_toy', 'none.pth', out=link)


def test_an_exported_file_is_not_exported_again() -> None:
    with pytest.raises(ValueError, match=r'x\.onnx is exported'):
        export('segmentation/uniformer_fpn_toy', 'x.onnx')


def test_predict_refuses_what_the_file_has_settled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='precision and ema are of the expo'):
        load('pose', weights=tmp_path / 'x.onnx', precision='bf16')
