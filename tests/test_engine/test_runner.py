from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

from uniformer_mm.engine import DataCheckRunner
from uniformer_mm.engine.runner import (
    missing_paths,
    require_classes,
    require_data,
)


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


@pytest.mark.parametrize(
    ('classes', 'fits'),
    [
        (('dog', 'cat', 'cow'), True),
        (['dog', 'cow'], True),  # of some of its categories
        (('cat', 'dog', 'cow'), False),  # the order of the ids
        (('dog', 'cat', 'cow', 'pig'), False),
        (('dog', 'Cat', 'cow'), False),
        ('dog', False),  # a tuple without its comma
        (None, True),  # those of the host's class
    ],
)
def test_classes_are_those_of_the_file_in_its_order(
    root: Path, classes: Any, fits: bool
) -> None:
    names = {2: 'dog', 1: 'cat', 7: 'cow'}
    content = {'categories': [{'id': i, 'name': n} for i, n in names.items()]}
    path = root / 'annotations' / 'a.json'
    path.write_text(json.dumps(content))
    cfg = dataset(root, metainfo={'classes': classes})
    if fits:
        require_classes([{'dataset': cfg}])
        # A file of the names, as MMEngine takes it.
        (root / 'names.txt').write_text('dog\ncat\ncow\n')
        cfg['metainfo']['classes'] = str(root / 'names.txt')
        require_classes(cfg)
        return
    with pytest.raises(ValueError, match='in the order of the file') as error:
        DataCheckRunner.build_dataloader({'dataset': cfg})
    assert str(list(classes)) in str(error.value)
    assert f'{path}' in str(error.value)
    assert "['dog', 'cat', 'cow']" in str(error.value)
    cfg['type'] = 'mmdet.LVISV1Dataset'
    require_classes(cfg)


@pytest.mark.parametrize('content', ['{}', '[1]', '{', '{"categories": [3]}'])
def test_files_of_other_formats_are_left_to_the_host(
    root: Path, content: str
) -> None:
    (root / 'annotations' / 'a.json').write_text(content)
    require_classes(dataset(root, metainfo={'classes': ('cat',)}))
    remote = 's3://bucket/a.json'
    require_classes(dataset(root, metainfo={'classes': 'x'}, ann_file=remote))
    lines = {'ann_file': 'list.txt', 'metainfo': {'classes': ('cat',)}}
    require_classes(lines)
    require_classes(dataset(root, metainfo='cat'))


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
