"""The package as a whole: what it needs, the wheel, the version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine import Config

import uniformer_mm
from tests.support.installs import (
    ROOT,
    copy_project,
    make_stack,
    make_venv,
    pip,
    run,
    site_packages,
)

HOSTS = {'mmdet', 'mmseg', 'mmpose', 'mmaction', 'mmpretrain', 'mmcv'}


def run_python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
    )


def without(names: set[str]) -> str:
    """Code at whose end packages of these names can't be imported."""
    return f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {sorted(names)}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Block())
"""


def test_it_imports_without_hosts_and_torchvision() -> None:
    blocked = HOSTS | {'torchvision'}
    code = """
import torch, uniformer_mm
model = uniformer_mm.UniFormer('small', out_indices=(3,)).eval()
print(tuple(model(torch.zeros(1, 3, 32, 64))[0].shape))
"""
    done = run_python(without(blocked) + code)
    assert done.stdout.strip() == '(1, 512, 1, 2)', done.stderr


def test_the_models_need_torch_alone() -> None:
    """Without MMEngine and all of OpenMMLab; nothing is loaded early."""
    blocked = HOSTS | {'torchvision', 'mmengine', 'numpy', 'rich'}
    code = """
import uniformer_mm
assert 'torch' not in sys.modules
import torch
from uniformer_mm import ARCHS, UniFormer, UniFormerClassifier, deploy, models
assert UniFormer is models.UniFormer
model = UniFormer('small', out_indices=(3,)).eval()
model.init_weights()
model = deploy(model)
print(tuple(model(torch.zeros(1, 3, 32, 64))[0].shape))
model = UniFormerClassifier('xxs', num_classes=5).eval()
print(tuple(model(torch.zeros(1, 3, 32, 64)).shape))
"""
    done = run_python(without(blocked) + code)
    assert done.stdout.split('\n')[:2] == ['(1, 512, 1, 2)', '(1, 5)'], (
        done.stderr
    )


def test_the_version_is_the_metadata_s() -> None:
    line = next(
        line
        for line in (ROOT / 'setup.cfg').read_text().splitlines()
        if line.startswith('version')
    )
    assert line.split()[-1] == uniformer_mm.__version__


@pytest.fixture(scope='module')
def wheel_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with our wheel, and the stack of this one."""
    folder = tmp_path_factory.mktemp('wheel')
    python = make_venv(folder / 'venv', make_stack(folder / 'stack'))
    pip(python, 'install', copy_project(folder / 'source'))
    return python


def test_the_wheel_works_without_the_clone(
    wheel_python: Path, tmp_path: Path
) -> None:
    code = """
import torch, mmcv.ops, uniformer_mm
from mmengine import Config
import subprocess, sys
name = 'detection/uniformer_maskrcnn.py'
words = [sys.executable, '-m', 'uniformer_mm', 'config', name]
path = subprocess.run(words, capture_output=True, text=True).stdout.strip()
print(uniformer_mm.__file__)
print(path)
print(Config.fromfile(path).model.backbone.type)
from uniformer_mm.configs import config_of_weights
print(config_of_weights('uniformer-small_k400_8x8', 'action').stem)
from uniformer_mm.portable import ADE20K_NAMES
print(len(ADE20K_NAMES))
boxes = torch.tensor([[0., 0, 9, 9], [0, 0, 9, 8]])
print(mmcv.ops.nms(boxes, torch.tensor([0.5, 0.9]), 0.5)[1].tolist())
"""
    done = run(wheel_python, tmp_path, '-c', code)
    assert done.returncode == 0, done.stderr
    module, config, kind, follows, names, kept = done.stdout.split('\n')[:6]
    site = site_packages(wheel_python)
    assert Path(module) == site / 'uniformer_mm' / '__init__.py'
    assert Path(config) == (
        site / 'uniformer_mm/.mim/configs/detection/uniformer_maskrcnn.py'
    )
    assert kind == 'uniformer_mm.UniFormer'
    assert follows == 'uniformer-s_8x8_100e_k400'
    assert names == '150'
    assert kept == '[1]'


def test_mim_finds_the_models_of_the_wheel(
    wheel_python: Path, tmp_path: Path
) -> None:
    done = run(
        wheel_python,
        tmp_path,
        '-m',
        'mim',
        'search',
        'uniformer_mm',
    )
    assert 'mask-rcnn_uniformer-s-h14_1x_coco' in done.stdout, done.stderr
    assert '45.6' in done.stdout


def test_mim_downloads_a_model_of_the_wheel(
    wheel_python: Path, tmp_path: Path
) -> None:
    """But for the file itself, which mim keeps where it is there."""
    name = 'td-hm_uniformer-s_210e_coco-256x192'
    (tmp_path / 'top_down_256x192_global_small-d4a7fdac_20230724.pth').touch()
    words = ('download', 'uniformer_mm', '--config', name)
    done = run(wheel_python, tmp_path, '-m', 'mim', *words, '--dest', '.')
    assert done.returncode == 0, done.stderr
    config = Config.fromfile(tmp_path / f'{name}.py')
    assert config.model.backbone.type == 'uniformer_mm.UniFormer'


def test_mim_says_where_other_weights_of_the_wheel_are(
    wheel_python: Path, tmp_path: Path
) -> None:
    name = 'mask-rcnn_uniformer-s-h14_1x_coco'
    words = ('download', 'uniformer_mm', '--config', name)
    done = run(wheel_python, tmp_path, '-m', 'mim', *words, '--dest', '.')
    assert done.returncode == 1
    assert f"'not a link: run uniformer-mm download {name} and" in done.stderr
