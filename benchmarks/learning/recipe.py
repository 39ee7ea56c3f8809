"""The recipe: one for all backbones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.learning.data import CLASSES
from benchmarks.learning.detector import BACKBONES, detector
from benchmarks.learning.precision import Bf16OptimWrapper
from uniformer_mm.checks import check_choice

__all__ = ['SIZE', 'TESTED', 'Trial', 'config_of']

SIZE = (320, 240)  # width, height of a picture, pixels
BATCH = 2
TESTED = ('test', 'val')  # the second to choose settings by


@dataclass(frozen=True)
class Trial:
    """One training and its test.

    Args:
        model (str): A key of ``BACKBONES``.
        seed (int): Of weights, order and flips.
        iterations (int): Of ``BATCH`` pictures each, >= 10.
        lr (float): Peak of AdamW's learning rate.
        tested (str): Split, of ``TESTED``.

    Raises:
        ValueError: An argument breaks its rule.
    """

    model: str
    seed: int
    iterations: int
    lr: float = 1e-3
    tested: str = 'test'

    def __post_init__(self) -> None:
        check_choice('model', self.model, BACKBONES)
        check_choice('tested', self.tested, TESTED)
        if self.iterations < 10:
            raise ValueError(
                f'iterations must be >= 10, got {self.iterations}'
            )

    @property
    def name(self) -> str:
        """Of its files."""
        return f'{self.model}_{self.iterations}_seed{self.seed}'

    @property
    def command(self) -> str:
        """What repeats it."""
        return (
            f'python -m benchmarks.learning --models {self.model} --seeds '
            f'{self.seed} --iterations {self.iterations} --lr {self.lr:g} '
            f'--tested {self.tested}'
        )


def config_of(
    trial: Trial, annotations: Path, pictures: Path, work_dir: Path
) -> dict[str, Any]:
    """Return MMEngine's config of a trial.

    Args:
        trial: Which one.
        annotations: Folder of ``write_splits``.
        pictures: The data's own folder.
        work_dir: For logs.
    """
    warm_up = trial.iterations // 10
    return {
        'default_scope': 'mmdet',
        'runner_type': 'uniformer_mm.DataCheckRunner',
        'work_dir': str(work_dir),
        'randomness': {'seed': trial.seed},
        'model': detector(trial.model),
        'train_dataloader': {
            'batch_size': BATCH,
            'num_workers': 0,
            'sampler': {'type': 'InfiniteSampler', 'shuffle': True},
            'dataset': data_set(
                'train',
                annotations,
                pictures,
                [{'type': 'RandomFlip', 'prob': 0.5}],
            ),
        },
        'test_dataloader': {
            'batch_size': BATCH,
            'num_workers': 0,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'dataset': data_set(trial.tested, annotations, pictures, []),
        },
        'train_cfg': {
            'type': 'IterBasedTrainLoop',
            'max_iters': trial.iterations,
        },
        'test_cfg': {'type': 'TestLoop'},
        'test_evaluator': {
            'type': 'CocoMetric',
            'ann_file': str(annotations / f'{trial.tested}.json'),
            'metric': 'bbox',
        },
        'optim_wrapper': {
            'type': Bf16OptimWrapper.__name__,
            'optimizer': {
                'type': 'AdamW',
                'lr': trial.lr,
                'weight_decay': 0.05,
                'fused': True,
            },
            'paramwise_cfg': {'norm_decay_mult': 0.0, 'bias_decay_mult': 0.0},
            'clip_grad': {'max_norm': 10.0},
        },
        'param_scheduler': [
            {
                'type': 'LinearLR',
                'start_factor': 0.01,
                'by_epoch': False,
                'begin': 0,
                'end': warm_up,
            },
            {
                'type': 'CosineAnnealingLR',
                'by_epoch': False,
                'begin': warm_up,
                'end': trial.iterations,
                'eta_min': 0.0,
            },
        ],
        'default_hooks': {
            'logger': {'type': 'LoggerHook', 'interval': 10},
            'checkpoint': None,
        },
        'log_processor': {'by_epoch': False, 'window_size': 10},
    }


def data_set(
    split: str,
    annotations: Path,
    pictures: Path,
    augmentations: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return the config of a split as mmdet reads it."""
    return {
        'type': 'CocoDataset',
        'metainfo': {'classes': CLASSES},
        'ann_file': str(annotations / f'{split}.json'),
        'data_prefix': {'img': f'{pictures}/'},
        'pipeline': [
            {'type': 'LoadImageFromFile'},
            {'type': 'LoadAnnotations', 'with_bbox': True},
            {'type': 'Resize', 'scale': SIZE, 'keep_ratio': True},
            *augmentations,
            {
                'type': 'PackDetInputs',
                'meta_keys': (
                    'img_id',
                    'img_path',
                    'ori_shape',
                    'img_shape',
                    'scale_factor',
                ),
            },
        ],
    }
