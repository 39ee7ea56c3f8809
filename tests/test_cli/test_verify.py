"""``uniformer-mm verify``, on a stand-in catalogue and small data."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch

from uniformer_mm import UniFormerClassifier, configs
from uniformer_mm.cli.main import main
from uniformer_mm.configs import results_of_weights
from uniformer_mm.toy_data import CLASSES, ToyDataSpec, make_toy_data
from uniformer_mm.verify import Finding
from uniformer_mm.verify.metrics import METRICS
from uniformer_mm.weights.fetch import WEIGHTS_VARIABLE
from uniformer_mm.weights.zoo import ZOO

NAME = 'uniformer-small_in1k'
COLUMNS = ('config', 'Top 1 Accuracy', 'params_m', 'flops_g', 'weights')
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def test_every_result_of_the_paper_can_be_verified() -> None:
    """Each row with weights is reached by their name, and no row twice."""
    for task in METRICS:
        path = configs.config_root() / task / 'results.csv'
        with path.open(newline='') as file:
            rows = [row for row in csv.DictReader(file) if row['weights']]
        assert rows
        for row in rows:
            entry = ZOO[row['weights']]
            assert entry.tested_as == task, row['config']
            assert row in results_of_weights(entry.name, task)
            named = {m for m in METRICS[task] if row[m]}
            assert named, row['config']


@pytest.mark.parametrize(
    ('measured', 'verdict'),
    [(82.9, 'right'), (83.0, 'right'), (83.1, 'wrong'), (None, 'not tested')],
)
def test_verdicts(measured: float | None, verdict: str) -> None:
    assert Finding('c', 'top-1', 82.9, measured, 0.1).verdict == verdict


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An official file of three classes, in a folder of weights."""
    torch.manual_seed(0)
    model = UniFormerClassifier('small', num_classes=3)
    path = tmp_path / 'weights' / ZOO[NAME].local_name
    path.parent.mkdir()
    state = {
        key.removeprefix('backbone.'): value
        for key, value in model.state_dict().items()
    }
    torch.save({'model': state}, path)
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(path.parent))
    return path


@pytest.fixture
def report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Writes a folder of configs for which a paper tells these figures."""
    folder = tmp_path / 'configs' / 'classification'
    folder.mkdir(parents=True)
    toy = configs.config_root() / 'classification' / 'uniformer-s_toy.py'
    (folder / 'stand-in.py').write_text(f'_base_ = {str(toy)!r}\n')

    def write(top1: float, params: str = '21.04', name: str = NAME) -> None:
        with (folder / 'results.csv').open('w', newline='') as file:
            rows = csv.writer(file)
            rows.writerows([COLUMNS, ('stand-in', top1, params, '', name)])

    for module in ('configs', 'verify.check'):
        monkeypatch.setattr(
            f'uniformer_mm.{module}.config_root', lambda: folder.parent
        )
    return write


@torch.no_grad()
def accuracy(weights: Path, data: Path) -> float:
    """Of the classifier in plain torch, on the pictures of the test."""
    model = UniFormerClassifier.from_pretrained(weights)
    right = []
    for label, name in enumerate(CLASSES):
        for path in sorted((data / 'classes/val' / name).iterdir()):
            picture = cv2.resize(cv2.imread(str(path)), (32, 32))
            x = torch.from_numpy(picture[..., ::-1].copy()).float()
            x = (x - torch.tensor(MEAN)) / torch.tensor(STD)
            scores = model(x.permute(2, 0, 1)[None])
            right.append(int(scores.argmax()) == label)
    return 100 * sum(right) / len(right)


def test_a_file_against_its_figures(
    weights: Path,
    report: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip('mmpretrain')
    shapes = tmp_path / 'toy'
    make_toy_data(
        shapes, ToyDataSpec(train=1, val=12, train_clips=0, val_clips=0)
    )
    data = ('--data', str(shapes / 'classes'))
    told = accuracy(weights, shapes)
    report(told)
    assert main(['verify', NAME]) == 0
    out = capsys.readouterr().out
    assert 'parameters (M)' in out
    assert 'not tested' in out
    assert main(['verify', NAME, *data]) == 0
    *_, row = capsys.readouterr().out.splitlines()
    assert row.split()[-2:] == ['+0.00', 'right']
    report(told + 7)
    assert main(['verify', NAME, *data]) == 1
    *_, row = capsys.readouterr().out.splitlines()
    assert row.split()[-2:] == ['-7.00', 'wrong']
    report(told, params='30')
    assert main(['verify', NAME]) == 1
    assert '-8.' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['nothing'], "unknown name 'nothing'"),
        (['uniformer-small_sthv1_16_prek400_x'], 'unknown name'),
        ([NAME, '--data', 'nowhere'], 'there is no folder nowhere'),
        (['uniformer-small_k400_8x8', '--data', '.'], '--labels FROM TO'),
        (['uniformer-xxs-128_in1k'], 'uniformer_xxs_128_in1k.pth'),
    ],
)
def test_refusals(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip('mmpretrain')
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    assert main(['verify', *words]) == 1
    assert message in capsys.readouterr().err


def test_a_file_of_another_model(
    weights: Path,
    report: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip('mmpretrain')
    report(80)
    content = torch.load(weights)
    del content['model']['blocks3.7.mlp.fc1.weight']
    torch.save(content, weights)
    assert main(['verify', NAME]) == 1
    assert 'blocks3.7.mlp.fc1.weight' in capsys.readouterr().err
