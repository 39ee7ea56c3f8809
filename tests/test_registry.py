"""Names under which the backbone is found from each host's scope."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import DefaultScope

import uniformer_mm
from uniformer_mm.registry import MODELS

TINY = {
    'arch': {
        'depths': (1, 1, 1, 1),
        'embed_dims': (8, 8, 16, 16),
        'head_dim': 8,
    }
}
hosts = pytest.mark.parametrize('host', ['mmdet', 'mmseg', 'mmpose'])
all_hosts = pytest.mark.parametrize(
    'host', ['mmdet', 'mmseg', 'mmpose', 'mmaction']
)


def host_models(host: str):
    registry = pytest.importorskip(f'{host}.registry')
    import_module(f'{host}.models')
    return registry.MODELS


@all_hosts
@pytest.mark.parametrize('via_root', [False, True])
@pytest.mark.parametrize(
    'name', ['UniFormer', 'UniFormerLight', 'UniFormerClassifier']
)
def test_the_scoped_name_is_ours(host: str, via_root: bool, name: str) -> None:
    models = ROOT_MODELS if via_root else host_models(host)
    arch = {**TINY['arch'], 'light': name == 'UniFormerLight'}
    with DefaultScope.overwrite_default_scope(host):
        model = models.build({'type': f'uniformer_mm.{name}', 'arch': arch})
    assert type(model) is getattr(uniformer_mm, name)


@hosts
@pytest.mark.parametrize('name', ['UniFormer', 'UniFormerLight'])
def test_the_bare_name_is_ours(host: str, name: str) -> None:
    arch = {**TINY['arch'], 'light': name == 'UniFormerLight'}
    with DefaultScope.overwrite_default_scope(host):
        model = host_models(host).build({'type': name, 'arch': arch})
    assert type(model) is getattr(uniformer_mm, name)


def test_the_bare_name_stays_mmactions() -> None:
    models = host_models('mmaction')
    with DefaultScope.overwrite_default_scope('mmaction'):
        theirs = models.get('UniFormer')
    assert theirs.__module__ == 'mmaction.models.backbones.uniformer'
    assert MODELS.get('UniFormer') is uniformer_mm.UniFormer
    # mmaction2 has no class of this name.
    assert models.get('UniFormerLight') is uniformer_mm.UniFormerLight


def test_no_import_of_ours_is_needed_for_the_scoped_name() -> None:
    code = """
from mmdet.registry import MODELS
print(MODELS.get('uniformer_mm.UniFormer').__module__)
"""
    done = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == 'uniformer_mm.backbones.uniformer'
