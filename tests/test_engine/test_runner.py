from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

from uniformer_mm.engine import DataCheckRunner
from uniformer_mm.engine.data_checking import missing_paths, require_data
from uniformer_mm.engine.precision import fit_to_device


def dataset(root: Path, **changes: Any) -> dict[str, Any]:
    return {
        'type': 'CocoDataset',
        'data_root': str(root),
        'ann_file': 'annotations/a.json',
        'data_prefix': {'img': 'train/'},
        **changes,
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations' / 'a.json').write_text('{}')
    (tmp_path / 'train').mkdir()
    return tmp_path


def test_complete_data_passes(root: Path) -> None:
    assert list(missing_paths(dataset(root))) == []
    # An absolute annotation file, no root, remote storage: as hosts take them.
    absolute = str(root / 'annotations' / 'a.json')
    assert list(missing_paths({'ann_file': absolute})) == []
    assert list(missing_paths({'data_root': 's3://bucket/coco'})) == []
    assert list(missing_paths({'data_root': None, 'ann_file': ''})) == []
    assert list(missing_paths({'data_root': root})) == []
    # What can't be told to be a local path is left to the host.
    assert list(missing_paths({'ann_file': ['a.json', 'b.json']})) == []
    assert list(missing_paths(dataset(root, data_prefix='train/'))) == []
    remote = {'img': 's3:bucket/train'}
    assert list(missing_paths(dataset(root, data_prefix=remote))) == []


@pytest.mark.parametrize(
    ('changes', 'key', 'path'),
    [
        ({'data_root': 'nowhere'}, 'data_root', 'nowhere'),
        ({'ann_file': 'b.json'}, 'ann_file', 'b.json'),
        ({'data_prefix': {'img': 'val'}}, 'data_prefix.img', 'val'),
    ],
)
def test_what_is_missing_is_named(
    root: Path, changes: dict[str, Any], key: str, path: str
) -> None:
    ((found_key, found_path),) = missing_paths(dataset(root, **changes))
    assert found_key == key
    assert found_path.name == path


def test_videos_without_a_root(root: Path) -> None:
    """As mmaction2's own configs have it: paths in full, no ``data_root``."""
    videos = {
        'type': 'VideoDataset',
        'ann_file': str(root / 'list.txt'),
        'data_prefix': {'video': str(root / 'videos')},
    }
    assert list(missing_paths(videos)) == [('ann_file', root / 'list.txt')]
    (root / 'list.txt').touch()
    missing = ('data_prefix.video', root / 'videos')
    assert list(missing_paths(videos)) == [missing]
    (root / 'videos').mkdir()
    assert list(missing_paths(videos)) == []


def test_wrapped_and_concatenated_sets_are_looked_into(root: Path) -> None:
    good, bad = dataset(root), dataset(root, ann_file='b.json')
    wrapped = {'type': 'RepeatDataset', 'times': 2, 'dataset': bad}
    assert len(list(missing_paths(wrapped))) == 1
    joined = {'type': 'ConcatDataset', 'datasets': [good, bad, bad]}
    assert len(list(missing_paths(joined))) == 2


def test_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        require_data(dataset(tmp_path / 'data'), 'dataset')
    message = str(error.value)
    assert f'data_root: {tmp_path / "data"}' in message
    assert 'uniformer-mm toy-data data/toy' in message
    assert 'whose name ends in _toy.py' in message
    assert 'train_dataloader.dataset.data_root=DIR' in message


def test_annotations_that_can_not_be_used_stop_it(root: Path) -> None:
    cfg = dataset(root, metainfo={'classes': ('cat',)})
    with pytest.raises(ValueError, match='no list images') as error:
        DataCheckRunner.build_dataloader({'dataset': cfg})
    assert str(root / 'annotations' / 'a.json') in str(error.value)


def test_all_that_is_wrong_is_told_before_training(root: Path) -> None:
    config = runner_config(root / 'all')
    (root / 'annotations' / 'a.json').write_text('{')
    (root / 'annotations' / 'b.json').write_text('')
    runner = build(config)
    names = ('train', 'a.json'), ('val', 'b.json')
    runner.cfg = {
        f'{split}_dataloader': {
            'dataset': dataset(root, ann_file=f'annotations/{name}')
        }
        for split, name in names
    }
    with pytest.raises(ValueError, match=r'a\.json.*no json') as error:
        runner.train()
    assert 'b.json: the file is empty' in str(error.value)


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_half_precision_of_a_config_is_float32_on_a_cpu(
    dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ('cuda', 'npu', 'mlu', 'musa'):
        monkeypatch.setattr(
            f'mmengine.device.is_{name}_available', lambda: False
        )
    wrapper = {
        'type': 'AmpOptimWrapper',
        'dtype': dtype,
        'loss_scale': 1.0,
        'optimizer': {'type': 'SGD', 'lr': 0.1},
    }
    runner = build(runner_config(tmp_path / dtype))
    assert type(runner.build_optim_wrapper(wrapper)) is OptimWrapper
    assert wrapper['type'] == 'AmpOptimWrapper'
    monkeypatch.setattr('mmengine.device.is_npu_available', lambda: True)
    assert fit_to_device(wrapper) is wrapper


class Points(Dataset[dict[str, Tensor]]):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {'x': torch.tensor([float(index)])}


class Slope(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x: Tensor, mode: str) -> Any:
        out = self.layer(x)
        return {'loss': out.square().mean()} if mode == 'loss' else out


class Count(BaseMetric):
    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(len(data_samples))

    def compute_metrics(self, results: list[int]) -> dict[str, int]:
        return {'count': sum(results)}


def runner_config(work_dir: Path) -> dict[str, Any]:
    loader = {
        'dataset': Points(),
        'batch_size': 2,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': {'type': 'default_collate'},
    }
    return {
        'type': 'uniformer_mm.DataCheckRunner',
        'model': Slope(),
        'work_dir': str(work_dir),
        'train_dataloader': loader,
        'val_dataloader': dict(loader),
        'train_cfg': {'by_epoch': True, 'max_epochs': 1},
        'val_cfg': {},
        'val_evaluator': Evaluator([Count()]),
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.1}},
        'custom_hooks': [{'type': 'uniformer_mm.EvaluateFirstHook'}],
        'default_hooks': {'logger': None, 'checkpoint': None},
    }


def build(config: dict[str, Any]) -> DataCheckRunner:
    kind = RUNNERS.get(config.pop('type'))
    assert kind is DataCheckRunner
    return kind(**config, experiment_name=Path(config['work_dir']).name)


def test_it_trains_and_evaluates_first(tmp_path: Path) -> None:
    config = runner_config(tmp_path / 'evaluate_first')
    runner = build(config)
    seen: list[int] = []
    metric = config['val_evaluator'].metrics[0]
    compute = metric.compute_metrics

    def record(results: list[int]) -> dict[str, int]:
        seen.append(runner.iter)
        return compute(results)

    metric.compute_metrics = record
    runner.train()
    # Once before the first iteration, once after the epoch of two.
    assert seen == [0, 2]


def test_evaluating_first_needs_a_validation_set(tmp_path: Path) -> None:
    config = runner_config(tmp_path / 'no_validation')
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
        config[key] = None
    with pytest.raises(ValueError, match='EvaluateFirstHook needs val_data'):
        build(config).train()


def test_missing_data_stops_training(tmp_path: Path) -> None:
    config = runner_config(tmp_path / 'missing')
    config['train_dataloader'] = {'dataset': dataset(tmp_path / 'data')}
    with pytest.raises(FileNotFoundError, match='toy-data data/toy'):
        build(config).train()


def test_without_any_data_no_runner_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runner, '__init__', lambda *_, **__: None)
    nowhere = {'dataset': dataset(tmp_path / 'data')}
    config = {
        **runner_config(tmp_path),
        'runner_type': 'uniformer_mm.DataCheckRunner',
        'train_dataloader': nowhere,
        'val_dataloader': nowhere,
    }
    # As the tools of mmpose do, which leave the choice to MMEngine's runner.
    with pytest.raises(SystemExit, match='toy-data data/toy'):
        Runner.from_cfg(config)
    # What is there may be all that is wanted, as in a test.
    config['val_dataloader'] = runner_config(tmp_path)['val_dataloader']
    assert type(Runner.from_cfg(config)) is DataCheckRunner
    # Nothing changes for who chose another runner, or none.
    for kind in ('Runner', None):
        config['runner_type'] = kind
        assert type(Runner.from_cfg(config)) is Runner


def test_a_missing_annotation_file_of_a_metric(tmp_path: Path) -> None:
    runner = build(runner_config(tmp_path / 'metric'))
    evaluator = [{'type': 'CocoMetric', 'ann_file': 'no/such.json'}]
    with pytest.raises(FileNotFoundError, match=r'evaluator .*\n.*such.json'):
        runner.build_evaluator(evaluator)
