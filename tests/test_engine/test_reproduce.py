"""The step that went wrong, done again from its file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.registry import RUNNERS
from torch import Tensor

from tests.support.tiny_training import Net, Numbers, tiny_config, train
from tests.support.trainings import small_training
from uniformer_mm.cli.main import main
from uniformer_mm.engine import NonFiniteError


@pytest.fixture(scope='module')
def stopped(
    few_shapes: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """What a training of mmseg said as it stopped, and the file it wrote."""
    pytest.importorskip('mmseg')
    folder = tmp_path_factory.mktemp('stopped')
    config = small_training('segmentation', few_shapes, folder)
    config.optim_wrapper.optimizer.lr = 1e30
    config.param_scheduler = []
    config.experiment_name = folder.name
    with pytest.raises(NonFiniteError, match='train/0000') as error:
        RUNNERS.build(config).train()
    (path,) = folder.glob('non_finite*.pth')
    return str(error.value), path


def test_reproduced_by_one_command(
    stopped: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    told, path = stopped
    assert f'Do it again: uniformer-mm reproduce {path}' in told
    (first,) = re.findall(r'First bad: (.+?)\. Samples', told)
    assert main(['reproduce', str(path)]) == 0
    assert f'first bad: {first}\n' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(['reproduce'])
    assert main(['reproduce', str(path.with_name('none.pth'))]) == 1


class Program:
    """Makes a folder, when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.mkdir, (self.path,)


RUNS = "__import__('pathlib').Path({}).mkdir()"


CALLS = "dict(type='pathlib.Path.mkdir')"


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'batch': Program}, 'holds more than tensors'),
        ({'config': 'model = ' + RUNS}, r'calls more than dict\(\.\.\.\)'),
        ({'config': f"default_scope='mmseg'\nmodel={CALLS}"}, 'no registry'),
        (
            {
                'config': "default_scope='mmseg'\nmodel=dict()\n"
                "optim_wrapper=dict(constructor='pathlib.Path.mkdir')"
            },
            "wants 'pathlib.Path.mkdir', which no registry has",
        ),
        (
            {
                'config': "default_scope='mmseg'\nmodel=dict()\n"
                f'preprocess_cfg={CALLS}'
            },
            'no registry',
        ),
        ({'config': 'a = 3'}, 'names no host'),
        (
            {'config': "default_scope='mmseg'\nmodel=dict()"},
            "can't be done again",
        ),
        ({'batch': {'kind': 'os.getcwd'}}, "holds no 'os.getcwd'"),
        ({'state_dict': {}}, 'Missing key'),
        ({'random_state': {}}, "can't be done again"),
        ({'format': 0}, 'its format is 0'),
        ({'files': None}, 'of this release'),
    ],
)
def test_a_file_is_data(
    changes: dict[str, Any],
    words: str,
    stopped: tuple[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made, path = tmp_path / 'made', tmp_path / 'file.pth'
    content = torch.load(stopped[1], weights_only=True)
    if changes.get('batch') is Program:
        changes = {'batch': Program(made)}
    if RUNS in str(changes):
        changes = {'config': changes['config'].format(repr(str(made)))}
    torch.save(content | changes, path)
    assert main(['reproduce', str(path)]) == 1
    assert re.search(words, capsys.readouterr().err)
    assert not made.exists()


def test_what_is_left_out_is_named(
    stopped: tuple[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And a config that is given is taken."""
    path = tmp_path / 'file.pth'
    content = torch.load(stopped[1], weights_only=True)
    left_out = {'left_out': ["batch['own'] (my.Own)\33[2J"]}
    torch.save(content | left_out | {'config': 'a = 3'}, path)
    (tmp_path / 'my.py').write_text(content['config'])
    config = str(tmp_path / 'my.py')
    assert main(['reproduce', str(path), '--config', config]) == 0
    out = capsys.readouterr().out
    assert "done again without batch['own'] (my.Own)" in out
    assert '\33' not in out


def test_a_training_says_what_it_leaves_out(tmp_path: Path) -> None:
    class Odd(Numbers):
        def __getitem__(self, index: int) -> dict[str, Any]:
            return {**super().__getitem__(index), 'own': Program(tmp_path)}

    class Takes(Net):
        def forward(self, x: Tensor, mode: str, own: Any) -> Any:
            return super().forward(x, mode)

    config = tiny_config(tmp_path, model=Takes())
    hook = {'type': 'uniformer_mm.NonFiniteHook'}
    config['default_hooks']['non_finite'] = hook
    config['train_dataloader'].update(
        dataset=Odd({5: float('nan')}),
        collate_fn={'type': 'pseudo_collate'},
    )
    # A list of samples, as of a detector.
    config['model'].data_preprocessor.forward = lambda data, _: {
        'x': torch.stack(data['x']),
        'own': data['own'],
    }
    with pytest.raises(NonFiniteError) as error:
        train(config)
    own = r"\(without batch\['own'\]\[0\] \(\S+Program\), .+\)"
    assert re.search(f'Do it again {own}: uniformer-mm', str(error.value))
    (path,) = tmp_path.glob('non_finite*.pth')
    kept = torch.load(path, weights_only=True)['batch']['items']
    assert kept['own'] == [None, None]
    assert torch.stack(kept['x']).isnan().any()
