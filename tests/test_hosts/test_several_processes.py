"""``mim train`` in two processes on a CPU, as on two GPUs or two nodes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.mim import logged_losses, mim
from uniformer_mm.toy_data import ToyDataSpec, make_toy_data

pytest.importorskip('mim')

CONFIGS = Path(__file__).parents[2] / 'configs'
FPN = CONFIGS / 'segmentation/uniformer_fpn_toy.py'
# Starts each task of the job on this machine, with what Slurm would tell it.
SRUN = """#!/usr/bin/env bash
while [[ $1 == -* ]]; do
  [[ $1 == --ntasks=* ]] && tasks=${1#*=}
  [[ $1 == -p ]] && shift
  shift
done
export SLURM_NTASKS=$tasks SLURM_NODELIST='node[1-1]'
for ((rank = 0; rank < tasks; rank++)); do
  SLURM_PROCID=$rank SLURM_LOCALID=$rank "$@" &
  started+=($!)
done
for process in "${started[@]}"; do wait "$process" || exit 1; done
"""
SCONTROL = '#!/usr/bin/env bash\necho 127.0.0.1\n'


@pytest.fixture(scope='module')
def few_shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy data set, with a star for pose in each part."""
    root = tmp_path_factory.mktemp('data') / 'toy'
    spec = ToyDataSpec(train=12, val=12, train_clips=4, val_clips=2)
    make_toy_data(root, spec)
    return root


def losses(
    host: str, config: Path, data: Path, folder: Path, *words: str, **env: str
) -> list[float]:
    (folder / 'data').mkdir()
    (folder / 'data/toy').symlink_to(data)
    output = mim(
        'train',
        host,
        config,
        *words,
        '--cfg-options',
        'default_hooks.logger.interval=1',
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'train_cfg.max_iters=2'
        if 'segmentation' in config.parts
        else 'train_cfg.max_epochs=1',
        cwd=folder,
        **env,
    )
    return logged_losses(output)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('host', 'config'),
    [
        ('mmdet', CONFIGS / 'detection/uniformer_maskrcnn_toy.py'),
        ('mmseg', FPN),
        ('mmpose', CONFIGS / 'pose/uniformer_pose_toy.py'),
        ('mmaction', CONFIGS / 'action/uniformer-s_toy.py'),
    ],
)
def test_torchrun(
    host: str, config: Path, few_shapes: Path, tmp_path: Path
) -> None:
    pytest.importorskip(host)
    launcher = ('--launcher', 'pytorch', '--gpus', '2')
    assert losses(host, config, few_shapes, tmp_path, *launcher)


@pytest.mark.slow
def test_slurm(few_shapes: Path, tmp_path: Path) -> None:
    """The same command line, on a machine with a stand-in for Slurm."""
    pytest.importorskip('mmseg')
    for name, text in (('srun', SRUN), ('scontrol', SCONTROL)):
        file = tmp_path / 'bin' / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    launcher = ('--launcher', 'slurm', '--gpus', '2', '--gpus-per-node', '2')
    path = f'{tmp_path / "bin"}{os.pathsep}{os.environ["PATH"]}'
    assert losses(
        'mmseg',
        FPN,
        few_shapes,
        tmp_path,
        *launcher,
        '--partition=any',
        # mim with click 8.2 or newer takes none for an unset option.
        '--srun-args=--job-name=any',
        PATH=path,
    )
