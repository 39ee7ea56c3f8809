"""What a user sees who has not got the data: ours, and no log before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.mim import run_mim

pytest.importorskip('mim')

CONFIGS = Path(__file__).parents[2] / 'configs'
MASK_RCNN = CONFIGS / 'detection' / 'uniformer_maskrcnn.py'
UPERNET = CONFIGS / 'segmentation' / 'upernet_uniformer-s_160k_ade20k.py'
POSE = CONFIGS / 'pose' / 'td-hm_uniformer-s_210e_coco-256x192.py'
VIDEO = CONFIGS / 'action' / 'uniformer-s_16x4_110e_k400.py'


@pytest.mark.parametrize(
    ('verb', 'host', 'config', 'root'),
    [
        ('train', 'mmdet', MASK_RCNN, 'data/coco'),
        ('test', 'mmseg', UPERNET, 'data/ade/ADEChallengeData2016'),
        ('train', 'mmpose', POSE, 'data/coco'),
        ('train', 'mmaction', VIDEO, 'data/kinetics400'),
    ],
)
def test_missing_data_is_named(
    verb: str, host: str, config: Path, root: str, tmp_path: Path
) -> None:
    pytest.importorskip(host)
    checkpoint = ('--checkpoint', 'none.pth') if verb == 'test' else ()
    done = run_mim(verb, host, config, *checkpoint, cwd=tmp_path)
    assert done.returncode != 0
    told, *mims_own = done.stdout.split('Traceback (most recent call last):')
    assert len(mims_own) == 1
    assert f'data_root: {root}' in told
    assert '`uniformer-mm toy-data data/toy`' in told
    assert told.rstrip().endswith('whose name ends in _toy.py.')
    assert 'Config:' not in told
    assert not list(tmp_path.glob('work_dirs/*/*'))
