"""``uniformer-mm verify`` in four hosts, on stand-ins of their paper's files.

Classification, against a test in plain torch, is in ``test_verify.py``.
"""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.registry import RUNNERS

from uniformer_mm import configs
from uniformer_mm.cli.main import main
from uniformer_mm.hosts import TASK_HOSTS
from uniformer_mm.verify.metrics import METRICS
from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE
from uniformer_mm.weights.zoo import ZOO

pytestmark = pytest.mark.hosts
# Task -> a file of the catalogue, and a toy config of its arch.
STAND_INS = {
    'detection': (
        'mask-rcnn_uniformer-s-h14_1x_coco',
        'uniformer_maskrcnn_toy',
    ),
    'segmentation': (
        'semantic-fpn_uniformer-s_80k_ade20k',
        'uniformer_fpn_toy',
    ),
    'pose': (
        'td-hm_uniformer-s_210e_coco-256x192',
        'uniformer_pose_toy',
    ),
    'action': ('uniformer-small_k400_16x4', 'uniformer-s_toy'),
}
TOY = 'data/toy'
RESULTS = ('right', 'wrong')
# The authors' order of classes is not that of the data set.
ORDERS = {'FROM': 'd c b a', 'TO': 'a b c d'}
CLASSES = ('cls_head.fc_cls.weight', 'cls_head.fc_cls.bias')


def moved(value: Any, data: Path) -> Any:
    """Paths of a config with ``data`` for the toy data set's folder."""
    if isinstance(value, dict):
        return {key: moved(item, data) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(moved(item, data) for item in value)
    if isinstance(value, str) and value.startswith(TOY):
        return str(data) + value[len(TOY) :]
    return value


class StandIn:
    """A folder of configs with a result, and weights that it is of.

    Attributes:
        weights (Path): The file.
        words (list[str]): Of the command.
        measured (float): What the host's own test gives, in percent.
    """

    def __init__(
        self, task: str, data: Path, root: Path, patch: pytest.MonkeyPatch
    ) -> None:
        if find_spec(TASK_HOSTS[task]) is None:
            pytest.skip(f'{TASK_HOSTS[task]} is not installed')
        self.name, toy = STAND_INS[task]
        self.folder = root / 'configs' / task
        self.folder.mkdir(parents=True)
        base = str(configs.config_root() / task / f'{toy}.py')
        for config in (self.folder / f'{name}.py' for name in RESULTS):
            config.write_text(f'_base_ = {base!r}\n')
        for module in ('configs', 'verify.check'):
            patch.setattr(
                f'uniformer_mm.{module}.config_root', lambda: root / 'configs'
            )
        patch.setenv(WEIGHTS_VARIABLE, str(root))
        self.metrics = METRICS[task]
        self.metric, (key, percent) = next(iter(self.metrics.items()))
        self.weights = root / ZOO[self.name].local_name
        torch.manual_seed(0)
        settings = moved(Config.fromfile(config).to_dict(), data)
        runner: Any = RUNNERS.build(
            Config({**settings, 'work_dir': str(root / 'work')})
        )
        runner.model.init_weights()
        state = {k: v.clone() for k, v in runner.model.state_dict().items()}
        self.measured = percent * float(runner.test()[key])
        self.words = ['verify', self.name]
        if ZOO[self.name].class_order == 'authors':
            state.update({key: state[key].flip(0) for key in CLASSES})
            for name, order in ORDERS.items():
                (root / name).write_text(order.replace(' ', '\n'))
            self.words += ['--labels', *(str(root / n) for n in ORDERS)]
        torch.save({'state_dict': state}, self.weights)

    def report(self, *values: float) -> None:
        """Say that these are the paper's figures, of a config each."""
        columns = ('config', *self.metrics, 'params_m', 'flops_g', 'weights')
        with (self.folder / 'results.csv').open('w', newline='') as file:
            rows = csv.DictWriter(file, columns, restval='')
            rows.writeheader()
            for name, value in zip(RESULTS, values, strict=True):
                rows.writerow(
                    {
                        'config': name,
                        self.metric: value,
                        'weights': self.name,
                    }
                )


@pytest.mark.parametrize('task', STAND_INS)
def test_a_file_against_its_figures(
    task: str,
    few_shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stand_in = StandIn(task, few_shapes, tmp_path, monkeypatch)
    stand_in.report(stand_in.measured, stand_in.measured + 7)
    assert main([*stand_in.words, '--data', str(few_shapes)]) == 1
    rows = capsys.readouterr().out.splitlines()
    verdicts = [r.split()[-2:] for r in rows if r.endswith(RESULTS)]
    assert verdicts == [['+0.00', 'right'], ['-7.00', 'wrong']]

    other = tmp_path / 'other'
    (other / 'annotations').mkdir(parents=True)
    assert main([*stand_in.words, '--data', str(other)]) == 1
    told = capsys.readouterr().err
    assert f'data: {other} is not laid out as right.py' in told

    content = torch.load(stand_in.weights)
    lost = next(key for key in content['state_dict'] if 'blocks3' in key)
    del content['state_dict'][lost]
    torch.save(content, stand_in.weights)
    assert main(stand_in.words) == 1
    assert lost.removeprefix('backbone.') in capsys.readouterr().err
