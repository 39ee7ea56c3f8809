"""Weight files become segmentors: all of a file, or an error."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.support.mmseg_models import SMALL, mmseg_model
from uniformer_mm import deploy
from uniformer_mm.portable import Segmentor, loading
from uniformer_mm.weights import messages
from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE
from uniformer_mm.weights.zoo import ZOO

pytest.importorskip('mmseg')
KNOWN = {'head_dim': 16, 'attention': 'global'}


@pytest.fixture(autouse=True)
def as_without_mmengine(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(message: str, level: int = logging.INFO) -> None:
        logging.getLogger('uniformer_mm').log(level, message)

    for module in ('portable.loading', 'weights.whole', 'weights.catalogued'):
        monkeypatch.setattr(f'uniformer_mm.{module}.tell', tell)


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_the_auxiliary_head_is_left_out_by_name(
    prefix: str, save: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    theirs = mmseg_model('upernet')
    with caplog.at_level(logging.INFO, 'uniformer_mm'):
        ours = Segmentor.from_pretrained(save(theirs, prefix), **KNOWN)
    assert not ours.training
    auxiliary = {
        key for key in theirs.state_dict() if key.startswith('auxiliary_head.')
    }
    assert auxiliary
    assert all(key in caplog.text for key in auxiliary)
    own = ours.state_dict()
    assert own.keys() == theirs.state_dict().keys() - auxiliary
    for key, value in own.items():
        assert torch.equal(value, theirs.state_dict()[key]), key


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s.pop('decode_head.bottleneck.conv.weight'), 'missing'),
        (
            lambda s: s.update({'decode_head.more.weight': torch.ones(1)}),
            'mor',
        ),
        (lambda s: s.update({'auxiliary_head.odd': torch.ones(1)}), '_head.o'),
        (lambda s: s.update({'fc.weight': torch.ones(1)}), 'unknown fc.weigh'),
        (
            lambda s: s.update({'decode_head.conv_seg.bias': torch.ones(1)}),
            r'conv_seg.bias is \(1,\) in the file and \(150,\)',
        ),
    ],
)
def test_what_does_not_fit(
    change: Callable[[Any], Any], message: str, tmp_path: Path
) -> None:
    state = mmseg_model('upernet').state_dict()
    change(state)
    torch.save(state, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=message):
        Segmentor.from_pretrained(tmp_path / 'a.pth', **KNOWN)


def test_files_of_other_models(
    save: Callable[..., Path], tmp_path: Path
) -> None:
    theirs = mmseg_model('upernet')
    with pytest.raises(ValueError, match='holds backbone weights, not'):
        Segmentor.from_pretrained(save(theirs.backbone), **KNOWN)
    with pytest.raises(TypeError, match=r"\['arch'\] of a pretrained"):
        Segmentor.from_pretrained(save(theirs), arch='small')
    with pytest.raises(FileNotFoundError, match='no name of the catalogue'):
        Segmentor.from_pretrained('upernet')
    state = {
        key: value
        for key, value in theirs.state_dict().items()
        if '.psp_modules.' not in key
    }
    torch.save(state, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r'no head of UperNet .* needs mmseg'):
        Segmentor.from_pretrained(tmp_path / 'a.pth', **KNOWN)


def test_old_files_without_counters(tmp_path: Path) -> None:
    ours = Segmentor(SMALL, 'fpn', channels=8, neck_channels=8)
    state = {
        key: value
        for key, value in ours.state_dict().items()
        if not key.endswith('num_batches_tracked')
    }
    torch.save(state, tmp_path / 'a.pth')
    found = Segmentor.from_pretrained(tmp_path / 'a.pth', **KNOWN)
    assert found.state_dict().keys() == ours.state_dict().keys()


def test_deployed_files(save: Callable[..., Path]) -> None:
    theirs = mmseg_model('fpn')
    plain = Segmentor.from_pretrained(save(theirs), **KNOWN)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = plain(x)
        deployed = deploy(theirs)
        found = Segmentor.from_pretrained(save(deployed), **KNOWN)
        error = (found(x) - expected).abs().max()
    assert error < 1e-4 * expected.abs().max()
    assert found.backbone.deployed


def test_guesses_are_told(save: Callable[..., Path]) -> None:
    path = save(Segmentor('small', 'fpn', channels=8, neck_channels=8))
    with pytest.warns(UserWarning, match='head_dim, .* and attention, '):
        found = Segmentor.from_pretrained(path)
    assert found.backbone.spec.head_dim == 64
    path = save(Segmentor(SMALL, 'fpn', channels=8))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        Segmentor.from_pretrained(path, **KNOWN)
    with pytest.raises(ValueError, match='pass head_dim='):
        Segmentor.from_pretrained(path, attention='global')


def test_names_of_the_file(save: Callable[..., Path]) -> None:
    segmentor = Segmentor(SMALL, 'fpn', num_classes=2, channels=8)
    classes = {'classes': ('sea', 'land'), 'palette': [[0, 0, 9], [9, 9, 0]]}
    new = {'dataset_meta': classes}
    old = {key.upper(): value for key, value in classes.items()}
    for meta in (new, old):
        found = Segmentor.from_pretrained(save(segmentor, **meta), **KNOWN)
        assert found.names == ('sea', 'land')
        assert found.palette is not None
        assert found.palette.tolist() == classes['palette']
    found = Segmentor.from_pretrained(
        save(segmentor, **new), names=['a', 'b'], **KNOWN
    )
    assert found.names == ('a', 'b')


def test_a_name_of_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = 'semantic-fpn_uniformer-xxs_80k_ade20k'
    ours = Segmentor('xxs', 'fpn')
    torch.save(ours.state_dict(), tmp_path / f'{name}.pth')
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    found = Segmentor.from_pretrained(name, channel_order='swapped')
    assert found.channel_order == 'swapped'
    assert found.backbone.spec.head_dim == ZOO[name].head_dim
    with pytest.raises(ValueError, match='head_dim=14 contradicts'):
        Segmentor.from_pretrained(name, head_dim=14)


def test_attention_by_the_catalogue() -> None:
    told = {
        name: loading._attention(SimpleNamespace(entry=entry))  # type: ignore[arg-type]
        for name, entry in ZOO.items()
        if entry.task == 'segmentation'
    }
    hybrid = {'attention': 'hybrid', 'window_size': 14}
    assert told.pop('semantic-fpn_uniformer-b-h14_80k_ade20k') == hybrid
    assert not any(told.values())


def test_without_mmengine_python_logs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, 'mmengine.logging', None)
    messages.tell('a bird', logging.WARNING)
    assert ('uniformer_mm', logging.WARNING, 'a bird') in caplog.record_tuples
