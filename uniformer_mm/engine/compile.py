"""Compilation of the backbone alone, for training and for testing."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from uniformer_mm.checks import check_choice
from uniformer_mm.compiled.options import compile_options, notice_hooks
from uniformer_mm.registry import HOOKS

__all__ = ['CompileBackboneHook']

MODES = (
    'default',
    'reduce-overhead',
    'max-autotune',
    'max-autotune-no-cudagraphs',
)


@HOOKS.register_module()
class CompileBackboneHook(Hook):
    """Compile ``model.backbone`` with ``torch.compile``, and nothing else.

    Heads and losses, whose shapes follow the boxes of each image, stay as they
    are. The backbone is compiled in place: the names in checkpoints do not
    change, and checkpoints of either kind load into either. On a CPU inductor
    is given ``compile_options()``.

    The first batch takes a minute or several. Torch compiles anew for training
    and evaluation and for one image and several, now and then once more (a
    batch of 16 or a small single image on a CPU, a first batch of squares);
    with dynamic sizes, images of all sizes then use the same graphs. Torch
    keeps 8 graphs (``torch._dynamo.config.recompile_limit``): what needs one
    more runs as if not compiled, and torch says so in a warning.

    Args:
        mode (str): 'default'; 'reduce-overhead' records a CUDA graph per
            size, for inputs of few sizes on a GPU; 'max-autotune' (with CUDA
            graphs too) and 'max-autotune-no-cudagraphs' try many kernels
            first. Defaults to 'default'.
        dynamic (bool | None): True compiles for all sizes at once, False for
            each size anew, None for the first size and, once a second comes,
            for all. Defaults to True.
        backend (str): Of ``torch.compile``. Defaults to 'inductor'.

    Raises:
        TypeError: ``dynamic`` or ``backend`` is of the wrong type; the model
            has no module named ``backbone``.
        ValueError: Unknown mode, or a mode of another backend than
            'inductor'.

    Examples:
        >>> default_hooks = dict(
        ...     compile=dict(type='uniformer_mm.CompileBackboneHook'))
    """

    def __init__(
        self,
        mode: str = 'default',
        dynamic: bool | None = True,
        backend: str = 'inductor',
    ) -> None:
        check_choice('mode', mode, MODES)
        if not (dynamic is None or isinstance(dynamic, bool)):
            raise TypeError(
                f'dynamic must be True, False or None, got {dynamic!r}'
            )
        if not isinstance(backend, str):
            raise TypeError(f'backend must be a name, got {backend!r}')
        if mode != 'default' and backend != 'inductor':
            raise ValueError(
                f"mode={mode!r} is one of backend='inductor', got "
                f'backend={backend!r}'
            )
        self.options: dict[str, Any] = {'dynamic': dynamic, 'backend': backend}
        if backend == 'inductor':
            # Not on top: it takes a second, which not every run needs.
            from torch._inductor import list_mode_options

            # The mode spelled out: torch takes a mode or options, not both.
            options = {**list_mode_options(mode), **compile_options()}
            if dynamic is not False:
                # NOTE: torch 2.9 fails in compiling a training step of dynamic
                # sizes on a CPU, at a convolution's input that is a view:
                # "cannot determine truth value of Relational". Our maps are in
                # channels-last memory anyway.
                options['layout_optimization'] = False
            self.options['options'] = options

    def before_run(self, runner: Runner) -> None:
        """Compile the backbone before training, validation or testing."""
        self.compile(runner.model)

    def before_train(self, runner: Runner) -> None:
        """Refuse to train where graphs keep the weights they were made with.

        Raises:
            RuntimeError: ``TORCHINDUCTOR_FREEZING=1`` is set.
        """
        if self.options['backend'] != 'inductor':
            return
        from torch._inductor import config

        if config.freezing:
            raise RuntimeError(
                "CompileBackboneHook can't train with "
                'TORCHINDUCTOR_FREEZING=1: validation would go on with the '
                'weights of the first one; set it for testing alone'
            )

    def compile(self, model: nn.Module) -> None:
        """Compile the backbone of ``model``, unless it is already.

        Raises:
            TypeError: ``model`` has no module named ``backbone``.
        """
        inner: Any = model
        while is_model_wrapper(inner) or isinstance(inner, BaseTTAModel):
            inner = inner.module
        backbone: Any = getattr(inner, 'backbone', None)
        if not isinstance(backbone, nn.Module):
            raise TypeError(
                'CompileBackboneHook needs a module model.backbone, got '
                f'{type(inner).__name__} without one'
            )
        if backbone._compiled_call_impl is None:
            notice_hooks()
            backbone.compile(**self.options)  # type: ignore[no-untyped-call]
