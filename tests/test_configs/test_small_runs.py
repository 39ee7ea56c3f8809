"""Every config trains for one step and is evaluated, made small.

The model is the config's own, with its depths and widths; images, clips and
batches are small (``small_TASK.py``). One config per kind of model runs
always, the others are slow together.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import Tensor

from tests.support.heads import HEADS, NEED_MMDET
from tests.support.one_step import to_one_small_step
from tests.support.recipe import config_names, load_config

HOSTS = {
    'detection': 'mmdet',
    'segmentation': 'mmseg',
    'pose': 'mmpose',
    'action': 'mmaction',
    'classification': 'mmpretrain',
}
ALWAYS = {
    'cascade-mask-rcnn_uniformer-s-h14_3x-ms_coco',
    'mask-rcnn_uniformer-xxs_1x_coco',
    'semantic-fpn_uniformer-s_80k_ade20k_test-h32',
    'upernet_uniformer-s-h14_160k_ade20k',
    'td-hm_uniformer-s_210e_coco-256x192',
    'tsn_uniformer-s_8_100e_k400',
    'uniformer-s_16x4_110e_k400',
    'uniformer-s_16_60e_sthv1_prek400',
    'uniformer-xxs_4_110e_k400-128',
    'uniformer-s_300e_in1k',
    'uniformer-xxs_600e_in1k-128',
    'token-labeling_uniformer-s-plus_310e_in1k',
    *chain.from_iterable(HEADS.values()),
}


def cases() -> list[Any]:
    """(task, config) of all, most of them marked as slow."""
    return [
        pytest.param(
            task,
            name,
            id=name,
            marks=[] if name in ALWAYS else pytest.mark.slow,
        )
        for task in HOSTS
        for name in config_names(task)
    ]


class Before(Hook):
    """Keep the weights from before the training."""

    def before_train(self, runner: Runner) -> None:
        self.weights: dict[str, Tensor] = {
            name: p.detach().clone()
            for name, p in runner.model.named_parameters()
        }


@pytest.mark.parametrize(('task', 'name'), cases())
def test_one_step_and_an_evaluation(
    task: str, name: str, few_shapes: Path, tmp_path: Path
) -> None:
    for host in (HOSTS[task], *(['mmdet'] if name in NEED_MMDET else [])):
        if find_spec(host) is None:
            pytest.skip(f'{host} is not installed')
    config = load_config(task, name)
    config.model.backbone.init_cfg = None
    to_one_small_step(config, task, few_shapes)
    config.work_dir = str(tmp_path)
    config.experiment_name = f'{name}-{tmp_path.name}'
    assert config.runner_type == 'uniformer_mm.DataCheckRunner'
    runner = RUNNERS.build(config)
    before = Before()
    runner.register_hook(before)
    runner.train()
    loss = runner.message_hub.get_scalar('train/loss').current()
    assert np.isfinite(loss)
    trained = {
        name: p
        for name, p in runner.model.named_parameters()
        if p.requires_grad
    }
    # The optimizer has a state for what had a gradient: all of it.
    states = runner.optim_wrapper.optimizer.state
    assert [n for n, p in trained.items() if p not in states] == []
    # Drop path may leave a branch without one, that is, with zeros.
    moved = {n for n, p in trained.items() if not p.equal(before.weights[n])}
    steered = {n for n, p in trained.items() if states[p]['exp_avg'].any()}
    assert steered <= moved
    assert len(steered) > 0.7 * len(trained)
    metrics = runner.test()
    assert metrics
    for key, value in metrics.items():
        assert torch.isfinite(torch.as_tensor(value)).all(), key
