"""The hook in MMEngine's runs: training, validation, testing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch._inductor.config
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.runner import Runner
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.utils.data import Dataset

from tests.support.compiled import Holder, num_graphs
from tests.support.models import build, random_input


@pytest.fixture(autouse=True)
def _fresh_compiler() -> None:
    torch.compiler.reset()
    counters.clear()


class Images(Dataset[dict[str, Tensor]]):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {'x': random_input('image', 1, 64, 64)[0] + index}


class Count(BaseMetric):
    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(len(data_samples))

    def compute_metrics(self, results: list[int]) -> dict[str, int]:
        return {'count': sum(results)}


def run(what: str, work_dir: Path, backend: str = 'eager') -> nn.Module:
    """Train, validate or test a compiled model; return it."""
    model = Holder(build('image'))
    loader = {
        'dataset': Images(),
        'batch_size': 2,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': {'type': 'default_collate'},
    }
    hook = {'type': 'uniformer_mm.CompileBackboneHook', 'backend': backend}
    runner = Runner(
        model=model,
        work_dir=str(work_dir),
        train_dataloader=dict(loader),
        train_cfg={'by_epoch': True, 'max_epochs': 1},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        val_dataloader=dict(loader),
        val_cfg={},
        val_evaluator=Evaluator([Count()]),
        test_dataloader=dict(loader),
        test_cfg={},
        test_evaluator=Evaluator([Count()]),
        default_hooks={'logger': None, 'compile': hook},
        experiment_name=f'compiled-{what}',
    )
    getattr(runner, what)()
    return model


def test_training_and_its_checkpoint(tmp_path: Path) -> None:
    model = run('train', tmp_path)
    assert num_graphs() == 2  # one for the validation after it
    path = tmp_path / 'epoch_1.pth'
    saved = torch.load(path, weights_only=False)['state_dict']
    plain = Holder(build('image'))
    assert list(saved) == list(plain.state_dict())
    plain.load_state_dict(saved)
    x = random_input('image', 2, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x), plain.eval()(x))


@pytest.mark.parametrize('what', ['test', 'val'])
def test_testing(tmp_path: Path, what: str) -> None:
    run(what, tmp_path)
    assert num_graphs() == 1


def test_training_with_constant_weights_is_refused(tmp_path: Path) -> None:
    with torch._inductor.config.patch(freezing=True):
        with pytest.raises(RuntimeError, match='TORCHINDUCTOR_FREEZING=1'):
            run('train', tmp_path, backend='inductor')
        run('train', tmp_path)
