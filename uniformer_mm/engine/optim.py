"""Layer-wise learning-rate decay, and the paper's rules of weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from uniformer_mm.checks import check_choice, check_number
from uniformer_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS

__all__ = ['DECAY_GROUPS', 'LayerDecayOptimWrapperConstructor']

NOT_VECTORS = {
    'bias_decay_mult': 0.0,
    'flat_decay_mult': 0.0,
    'norm_decay_mult': 0.0,
}
DECAY_GROUPS: Mapping[str, Mapping[str, Any]] = {
    # Semantic FPN, pose.
    'everything': {},
    # Detection, UperNet: a rule of names, which misses biases and the batch
    # norms of the heads.
    'not_names_with_norm': {'custom_keys': {'norm': {'decay_mult': 0.0}}},
    # Video: no bias and nothing of one dimension, so gains of attention
    # blocks are not decayed, while those of conv blocks, (1, C, 1, 1), are.
    'not_vectors': NOT_VECTORS,
    # Image pre-training: the same, and not the class token of light models.
    'not_vectors_nor_cls_token': {
        **NOT_VECTORS,
        'custom_keys': {'cls_token': {'decay_mult': 0.0}},
    },
}
"""Which parameters the paper's recipes decay -> MMEngine's options for it."""

MMENGINE_OPTIONS = {
    'custom_keys',
    'bias_lr_mult',
    'bias_decay_mult',
    'norm_decay_mult',
    'dwconv_decay_mult',
    'flat_decay_mult',
    'dcn_offset_lr_mult',
    'bypass_duplicate',
}


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor with learning rates that fall with depth.

    A parameter of the backbone gets the learning rate times
    ``layer_decay_rate ** (number of depths - 1 - depth)``, with the depth that
    ``backbone.get_layer_depth`` tells; all others keep theirs. With a rate of
    1 no backbone is asked, and the constructor is MMEngine's, with decay
    groups by name. Works in every host: it needs no more than
    ``model.backbone``.

    Args:
        optim_wrapper_cfg (dict): As MMEngine's.
        paramwise_cfg (dict | None): MMEngine's options, and two more:

            - ``layer_decay_rate`` (float): In (0, 1]. Defaults to 1.
            - ``decay_groups`` (str): A key of ``DECAY_GROUPS``, which sets
              the options it names; options beside it win, and their
              ``custom_keys`` come on top. Defaults to 'everything'.

    Raises:
        TypeError: ``layer_decay_rate`` is not a number, or ``paramwise_cfg``
            no dict.
        ValueError: An option is unknown or breaks its rule, or there is no
            optimizer.

    Examples:
        >>> optim_wrapper = dict(
        ...     type='OptimWrapper',
        ...     optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
        ...     constructor='uniformer_mm.LayerDecayOptimWrapperConstructor',
        ...     paramwise_cfg=dict(
        ...         layer_decay_rate=0.9, decay_groups='not_names_with_norm'))
    """

    def __init__(
        self,
        optim_wrapper_cfg: dict[str, Any],
        paramwise_cfg: dict[str, Any] | None = None,
    ) -> None:
        if (
            not isinstance(optim_wrapper_cfg, Mapping)
            or 'optimizer' not in optim_wrapper_cfg
        ):
            raise ValueError(
                "optim_wrapper_cfg must be a dict with the key 'optimizer', "
                f'got {optim_wrapper_cfg!r}'
            )
        if not isinstance(paramwise_cfg or {}, Mapping):
            raise TypeError(
                f'paramwise_cfg must be a dict or None, got {paramwise_cfg!r}'
            )
        options = dict(paramwise_cfg or {})
        rate = options.pop('layer_decay_rate', 1.0)
        check_number('layer_decay_rate', rate)
        if not 0 < rate <= 1:
            raise ValueError(
                f'layer_decay_rate must lie in (0, 1], got {rate}'
            )
        groups = options.pop('decay_groups', 'everything')
        check_choice('decay_groups', groups, DECAY_GROUPS)
        unknown = sorted(set(options) - MMENGINE_OPTIONS, key=str)
        if unknown:
            raise ValueError(
                f'unknown options {unknown} in paramwise_cfg; choose from '
                f'layer_decay_rate, decay_groups, {sorted(MMENGINE_OPTIONS)}'
            )
        self.layer_decay_rate = rate
        preset = DECAY_GROUPS[groups]
        # With no option at all MMEngine makes one group of all parameters.
        options['custom_keys'] = {
            **preset.get('custom_keys', {}),
            **options.get('custom_keys', {}),
        }
        super().__init__(optim_wrapper_cfg, {**preset, **options})

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Make the optimizer of ``model``, one group per parameter.

        Raises:
            TypeError: Rates fall, and the backbone has no
                ``get_layer_depth``.
        """
        inner: Any = model.module if is_model_wrapper(model) else model
        if self.layer_decay_rate == 1:
            return super().__call__(inner)
        backbone: Any = getattr(inner, 'backbone', None)
        if not hasattr(backbone, 'get_layer_depth'):
            raise TypeError(
                'LayerDecayOptimWrapperConstructor needs model.backbone with '
                f'get_layer_depth, got {type(backbone).__name__}'
            )
        wrapper = super().__call__(inner)
        names = {id(p): name for name, p in inner.named_parameters()}
        for group in wrapper.optimizer.param_groups:
            (parameter,) = group['params']
            depth, num_depths = backbone.get_layer_depth(
                names[id(parameter)], prefix='backbone.'
            )
            group['lr'] *= self.layer_decay_rate ** (num_depths - 1 - depth)
        return wrapper
