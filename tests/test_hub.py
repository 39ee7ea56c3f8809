"""Models to the hub and back: from a folder, and from a server."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import uniformer_mm
from tests.support.hub_server import Repositories, hub_server
from tests.support.installs import ROOT
from tests.support.mmseg_models import SMALL, SMALL_LIGHT
from tests.support.small import stir
from uniformer_mm import models
from uniformer_mm.configs import config_root
from uniformer_mm.portable import Segmentor
from uniformer_mm.weights.zoo import ZOO

pytest.importorskip('huggingface_hub')
pytest.importorskip('safetensors')
HYBRID = {'attention': 'hybrid', 'window_size': 2}
CLIP = (1, 3, 4, 64, 64)
IMAGE = (1, 3, 64, 96)
KINDS: dict[str, tuple[Any, dict[str, Any], tuple[int, ...]]] = {
    'backbone': (
        uniformer_mm.UniFormer,
        {**HYBRID, 'out_indices': (2, 3), 'layer_scale': 0.1},
        IMAGE,
    ),
    'bare maps': (models.UniFormer, {'out_norm': None}, IMAGE),
    'one map': (
        models.UniFormer,
        {'out_norm': 'BN', 'out_indices': (3,), 'as_tuple': False},
        IMAGE,
    ),
    'video': (
        models.UniFormer,
        {'ndim': 3, 'split': True, 'temporal_stride_std': True},
        CLIP,
    ),
    'light': (models.UniFormerLight, {}, IMAGE),
    'classifier': (
        uniformer_mm.UniFormerClassifier,
        {**HYBRID, 'num_classes': 7, 'token_labeling': True},
        IMAGE,
    ),
    'light classifier': (
        models.UniFormerClassifier,
        {'num_classes': 7},
        IMAGE,
    ),
    'upernet': (Segmentor, {**HYBRID, 'channels': 8}, IMAGE),
    'fpn': (
        Segmentor,
        {
            'head': 'fpn',
            'num_classes': 2,
            'names': ['sea', 'land'],
            'palette': [[0, 0, 9], [9, 9, 0]],
            'scale': (128, 64),
            'channel_order': 'swapped',
        },
        IMAGE,
    ),
}


def made(kind: str) -> tuple[Any, Any]:
    """A model of ``KINDS`` in eval mode, and an input."""
    cls, arguments, shape = KINDS[kind]
    torch.manual_seed(0)
    arch = {
        **(SMALL_LIGHT if 'light' in kind else SMALL),
        'light': 'light' in kind,
    }
    model = cls(arch, **arguments)
    stir(model)
    return model.eval(), torch.randn(shape)


def leaves(out: Any) -> list[torch.Tensor]:
    if isinstance(out, torch.Tensor):
        return [out]
    return [leaf for part in out for leaf in leaves(part)]


def loaded(source: Any, like: Any) -> Any:
    if isinstance(like, Segmentor):
        return Segmentor.from_pretrained(source)
    return uniformer_mm.from_pretrained(source, model_type=type(like))


@pytest.mark.parametrize('deployed', [False, True])
@pytest.mark.parametrize('kind', list(KINDS))
def test_a_folder_gives_the_model_back(
    kind: str, deployed: bool, tmp_path: Path
) -> None:
    model, x = made(kind)
    if deployed:
        uniformer_mm.deploy(model)
    uniformer_mm.save_pretrained(model, tmp_path / 'model')
    back = loaded(tmp_path / 'model', model)
    assert type(back) is type(model)
    with torch.no_grad():
        pairs = list(zip(leaves(model(x)), leaves(back(x)), strict=True))
    assert pairs
    assert all(torch.equal(a, b) for a, b in pairs)
    if isinstance(model, Segmentor):
        assert back.names == model.names
        assert np.array_equal(back.palette, model.palette)
        assert back.scale == model.scale
        assert back.channel_order == model.channel_order
    config = json.loads((tmp_path / 'model' / 'config.json').read_text())
    assert config['model'] == type(model).__name__
    assert config['arch']['head_dim'] == 16
    card = (tmp_path / 'model' / 'README.md').read_text()
    assert 'None is stated for the weights.' in card
    assert 'library_name: uniformer_mm' in card


def test_what_is_given_counts_more_than_what_was_kept(tmp_path: Path) -> None:
    model, _ = made('backbone')
    model.save_pretrained(tmp_path)
    back = uniformer_mm.UniFormer.from_pretrained(
        tmp_path, attention='global', out_indices=(1,)
    )
    assert (back.attention, back.out_indices) == ('global', (1,))
    segmentor, _ = made('upernet')
    segmentor.save_pretrained(tmp_path / 'segmentor')
    back = uniformer_mm.from_pretrained(tmp_path / 'segmentor')
    assert type(back) is uniformer_mm.UniFormer
    assert back.attention == 'hybrid'


def test_the_card_of_published_weights_has_the_paper_s_numbers(
    tmp_path: Path,
) -> None:
    with (config_root() / 'models.csv').open(encoding='utf-8') as file:
        (row,) = [r for r in csv.DictReader(file) if r['model'] == 'XXS']
    name = row['weights']
    model = models.UniFormerClassifier('xxs')
    uniformer_mm.save_pretrained(model, tmp_path, published=name)
    card = (tmp_path / 'README.md').read_text()
    assert f'value: {row["top1"]}' in card
    assert f'| XXS | ImageNet-1K | top-1 | {row["top1"]} |' in card
    assert 'As the paper reports for these weights:' in card
    assert f'where they were published ({ZOO[name].source})' in card
    # The same model, of one's own training.
    uniformer_mm.save_pretrained(model, tmp_path / 'own', license='mit')
    card = (tmp_path / 'own' / 'README.md').read_text()
    assert 'not for these:' in card
    assert 'license: mit' in card
    assert 'model-index' not in card
    segmentor = Segmentor('xxs', 'fpn', channels=8, neck_channels=8)
    segmentor.save_pretrained(tmp_path / 'other')
    assert 'Results' not in (tmp_path / 'other' / 'README.md').read_text()


def test_the_licence_of_a_publisher(tmp_path: Path) -> None:
    name = 'uniformer-small_in1k'
    assert ZOO[name].license == 'MIT'
    model = models.UniFormer('small', out_norm=None)
    uniformer_mm.save_pretrained(model, tmp_path, published=name)
    card = (tmp_path / 'README.md').read_text()
    assert 'license: mit' in card
    assert 'Of the weights: mit.' in card


def test_a_card_of_several_settings() -> None:
    from uniformer_mm.configs import paper_results

    name = 'upernet_uniformer-s_160k_ade20k_controlnet'
    rows = paper_results(names=[name])
    with (config_root() / 'segmentation' / 'results.csv').open() as file:
        expected = [
            (row['config'], metric, row[metric])
            for row in csv.DictReader(file)
            if row['weights'] == name
            for metric in ('mIoU', 'mIoU(ms+flip)')
        ]
    assert len(expected) > 4
    found = [(row['model'], row['metric'], row['value']) for row in rows]
    assert found == expected


@pytest.mark.parametrize(
    ('kind', 'options', 'message'),
    [
        ('backbone', {'published': 'uniformer'}, 'must be a name of the cata'),
        ('backbone', {'published': 'uniformer-small_in1k'}, 'arch is  in'),
        (
            'upernet',
            {'published': 'uniformer-small_in1k'},
            'that is for backbone, this a segmentor',
        ),
        (
            'backbone',
            {'published': 'uniformer-small_in1k', 'license': 'mit'},
            'is its publisher to state',
        ),
    ],
)
def test_what_is_not_said(
    kind: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        uniformer_mm.save_pretrained(made(kind)[0], tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_models_that_could_not_be_loaded_back(tmp_path: Path) -> None:
    model = models.UniFormer(SMALL, out_indices=(1,))
    with pytest.raises(ValueError, match=r'not be loaded back: .*blocks'):
        uniformer_mm.save_pretrained(model, tmp_path)
    with pytest.raises(TypeError, match='got Linear'):
        uniformer_mm.save_pretrained(nn.Linear(1, 1), tmp_path)


def test_settings_of_a_later_release(tmp_path: Path) -> None:
    from uniformer_mm.weights.files import write_weights

    model, _ = made('backbone')
    meta = {'head_dim': 16, 'settings': {'attention': 'global', 'rope': True}}
    path = tmp_path / 'model.safetensors'
    write_weights(model.state_dict(), path, meta=meta)
    with pytest.raises(ValueError, match='may need a newer uniformer_mm'):
        uniformer_mm.from_pretrained(tmp_path)


def test_without_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ImportError, match='pip install huggingface_hub'):
        uniformer_mm.save_pretrained(made('backbone')[0], tmp_path)


PUSH = """
import torch, uniformer_mm
from tests.test_hub import leaves, loaded, made
for kind in ('backbone', 'classifier', 'fpn'):
    model, x = made(kind)
    name = f'me/{kind}'
    print(model.push_to_hub(name, token='a-token', private=True))
    back = loaded(f'hf-hub:{name}', model)
    with torch.no_grad():
        pairs = zip(leaves(model(x)), leaves(back(x)), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
try:
    model.push_to_hub('me/other', token='wrong')
except OSError as error:
    print('refused', '401' in str(error))
"""


def test_to_a_server_and_back(tmp_path: Path) -> None:
    repositories: Repositories = {}
    with hub_server(repositories, tmp_path / 'hub') as variables:
        # In a process of its own: the hub's settings are read once.
        done = subprocess.run(
            [sys.executable, '-c', PUSH],
            env={**os.environ, 'PYTHONPATH': str(ROOT), **variables},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = done.stdout.split('\n')
    commits = [line.split('/') for line in told if line.startswith('http')]
    assert ['/'.join(words[3:5]) for words in commits] == list(repositories)
    assert 'refused True' in told
    for name, files in repositories.items():
        assert files.keys() == {
            'README.md',
            'config.json',
            'model.safetensors',
        }
        card = files['README.md'].decode()
        assert f"from_pretrained('hf-hub:{name}')" in card
