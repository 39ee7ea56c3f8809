"""tools.model_runs: a training is kept, and the tables show it apart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tools import model_runs
from tools.model_runs import read_runs, record, run_cells, runs_table

CONFIGS = Path(__file__).parents[2] / 'configs'
TOY = 'action/uniformer-s_toy'
COMMAND = 'mim train mmaction configs/action/uniformer-s_toy.py'


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """A folder with one config, and no runs yet."""
    root = tmp_path / 'configs'
    (root / 'action').mkdir(parents=True)
    shutil.copy(CONFIGS / f'{TOY}.py', root / 'action')
    header = ','.join(model_runs.COLUMNS)
    (root / 'runs.csv').write_text(f'{header}\n')
    return root


def trained(folder: Path, *lines: dict[str, float]) -> Path:
    """A work dir in which these lines were logged."""
    log = folder / '20260101_000000/vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text(''.join(f'{json.dumps(line)}\n' for line in lines))
    return folder


def test_the_last_evaluation_is_kept(
    configs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_runs, 'commit', lambda: 'abc')
    lines = {'acc/top1': 0.25}, {'loss': 0.5}, {'acc/top1': 0.875, 'step': 12}
    for name in ('once', 'again'):  # a row of the same config is replaced
        record(configs, TOY, trained(tmp_path / name, *lines), COMMAND)
    (run,) = runs = read_runs(configs)
    assert run == {
        'config': TOY,
        'metric': 'Top 1 Accuracy',
        'value': '87.5',
        'commit': 'abc',
        'command': COMMAND,
        'log': 'uniformer-s_toy.jsonl',
    }
    text = (configs / 'logs/uniformer-s_toy.jsonl').read_text()
    assert [json.loads(line) for line in text.splitlines()] == list(lines)
    assert run_cells(runs, TOY) == {'Top 1 Accuracy': '87.5'}
    assert run_cells(runs, 'action/other') == {}
    assert runs_table(runs, 'pose') == ''
    shown = runs_table(runs, 'action')
    for part in ('abc', f'`{COMMAND}`', '(../logs/uniformer-s_toy.jsonl)'):
        assert part in shown


@pytest.mark.parametrize(
    ('config', 'lines', 'message'),
    [
        (
            'action/other',
            [{'acc/top1': 1}],
            "must be FOLDER/NAME .* 'action/o",
        ),
        ('data/x', [{'acc/top1': 1}], "FOLDER of .*'action'.* got 'data/x'"),
        (TOY, [{'loss': 1}], r"no evaluation .* any of \['acc/top1'\]"),
    ],
)
def test_what_can_not_be_kept(
    configs: Path,
    tmp_path: Path,
    config: str,
    lines: list[dict[str, float]],
    message: str,
) -> None:
    before = (configs / 'runs.csv').read_text()
    with pytest.raises(ValueError, match=message):
        record(configs, config, trained(tmp_path / 'run', *lines), COMMAND)
    assert (configs / 'runs.csv').read_text() == before
    with pytest.raises(ValueError, match='one training, got 0'):
        record(configs, TOY, tmp_path, COMMAND)


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('action/other,AP,1,a,b,none', 'other.py, which is not there'),
        (f'{TOY},Top 1 Accuracy,1,a,b,none', 'logs/none, which is not there'),
        (f'{TOY},AP,1,a,b,log', "must be of .*'Top 1 Accuracy'.*got 'AP'"),
    ],
)
def test_a_wrong_row(configs: Path, row: str, message: str) -> None:
    (configs / 'logs').mkdir()
    (configs / 'logs/log').touch()
    with (configs / 'runs.csv').open('a') as file:
        file.write(f'{row}\n')
    with pytest.raises(ValueError, match=message):
        read_runs(configs)
