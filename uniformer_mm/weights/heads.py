"""Heads of classifiers from official weights, for ``init_cfg``."""

from __future__ import annotations

from typing import Any

from mmengine.logging import print_log

from uniformer_mm.registry import WEIGHT_INITIALIZERS
from uniformer_mm.weights.convert import convert
from uniformer_mm.weights.fitting import differences
from uniformer_mm.weights.found import find_weights
from uniformer_mm.weights.reading import listed

__all__ = ['ClsHeadPretrained']

PREFIX = 'head.'


@WEIGHT_INITIALIZERS.register_module()
class ClsHeadPretrained:
    """Initialisation of mmpretrain's ``head`` by official weights.

    For models of the same classes, beside ``UniFormerPretrained`` for the
    backbone. A layer that the file has and the head has not, such as the one
    for tokens, is left out, and the log says so.

    Args:
        checkpoint (str): As ``source`` of ``load_backbone``.
        ema (bool | None): As in ``load_backbone``. Defaults to None.

    Examples:
        >>> head = dict(
        ...     type='LinearClsHead', num_classes=1000, in_channels=512,
        ...     init_cfg=dict(
        ...         type='uniformer_mm.ClsHeadPretrained',
        ...         checkpoint='uniformer-small_in1k'))
    """

    def __init__(self, checkpoint: str, ema: bool | None = None) -> None:
        self.checkpoint = checkpoint
        self.ema = ema

    def __call__(self, module: Any) -> None:
        """Load the weights into ``module``.

        Raises:
            ValueError: The file is no classifier, has other classes, or lacks
                a layer that the head has.
        """
        found = find_weights(self.checkpoint, ema=self.ema)
        name = found.file.path.name
        state, _ = convert(
            found.file.state, 'classification', identity=found.identity
        )
        theirs = {
            key.removeprefix(PREFIX): value
            for key, value in state.items()
            if key.startswith(PREFIX)
        }
        ours = module.state_dict()
        spare = [key for key in theirs if key not in ours]
        state = {key: theirs[key] for key in ours if key in theirs}
        wrong = differences(state, ours, 'head')
        if wrong:
            raise ValueError(
                f'the head of {name} ({found.identity.num_classes} classes) '
                f'does not fit: {listed(wrong)}; for other classes leave '
                'ClsHeadPretrained out, and the head starts anew'
            )
        module.load_state_dict(state)
        print_log(
            f'{name} into {type(module).__name__}: {len(ours)} loaded, '
            f'left out: {listed(spare) or "-"}',
            logger='current',
        )
