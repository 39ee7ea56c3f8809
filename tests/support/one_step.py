"""Any host's config made small, to train for one step on a CPU."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from mmengine import Config


def to_one_small_step(config: Config, task: str, data: Path) -> None:
    """Point ``config`` at the toy data in ``data``, and let it run here.

    ``task`` is the folder of configs of its host.
    """
    import_module(f'tests.support.small_{task}').shrink(config, data)
    wrapper = config.optim_wrapper
    if wrapper.get('type') == 'AmpOptimWrapper':  # MMEngine's needs a GPU
        wrapper.type = 'OptimWrapper'
        for key in ('dtype', 'loss_scale'):
            wrapper.pop(key, None)
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
    config.train_cfg = {
        'type': 'IterBasedTrainLoop',
        'max_iters': 1,
    }
    # The same evaluation as the test's.
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    # The host's schedule may count epochs; at step 0 it hardly learns.
    config.param_scheduler = []
    config.custom_hooks = []
    config.default_hooks.checkpoint = None
    config.randomness = {'seed': 0}
