"""The modes a model is measured in: baseline, eager, deployed, compiled."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases import OURS, PEERS, Case
from benchmarks.official import OfficialUniFormer
from benchmarks.official_light import OfficialUniFormerLight
from uniformer_mm import (
    ARCHS,
    UniFormer,
    UniFormerLight,
    compile_options,
    deploy,
)

__all__ = ['BASELINE', 'MODES', 'Models', 'check_mode']

BASELINE = 'baseline'
DTYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16}
COMPILERS: Mapping[str, Mapping[str, Any]] = {
    'compiled': {},
    # One graph for all sizes, as for a data set of photographs.
    'dynamic': {'dynamic': True},
    # Weights are constants, laid out for the kernels: inference on a CPU.
    'frozen': {'options': {'freezing': True}},
    'cudagraphs': {'mode': 'reduce-overhead'},
    'autotuned': {'mode': 'max-autotune'},
}
STEPS = ('checkpointed', 'deployed', *COMPILERS)
_EVERYWHERE = (
    *(BASELINE, 'eager', 'deployed'),
    *('compiled', 'deployed+compiled'),
)
# What is measured unless told otherwise, by the type of device.
MODES: Mapping[str, tuple[str, ...]] = {
    'cpu': (*_EVERYWHERE, 'deployed+frozen'),
    'cuda': (*_EVERYWHERE, 'cudagraphs', 'deployed+cudagraphs'),
}


def check_mode(mode: str) -> None:
    """Raise ``ValueError`` unless ``mode`` is one that ``Models`` builds."""
    if mode in (BASELINE, 'eager'):
        return
    unknown = [step for step in mode.split('+') if step not in STEPS]
    if unknown:
        raise ValueError(
            f"unknown mode {mode!r}; choose {BASELINE!r}, 'eager', or steps "
            f'joined by + out of {list(STEPS)}'
        )


class Models:
    """The models of one case, all with the same weights.

    Args:
        case (Case): What to build.
        device (torch.device): Where.
    """

    def __init__(self, case: Case, device: torch.device) -> None:
        self.case = case
        self.device = device
        torch.manual_seed(0)
        self.plain = build_plain(case)
        self.plain.train(case.direction == 'training')

    def applies(self, mode: str) -> bool:
        """Whether the case can run in ``mode``."""
        steps = set(mode.split('+'))
        if self.case.model in PEERS:
            return mode in ('eager', *COMPILERS)
        if mode == BASELINE:
            # Officially split attention is not released.
            return not OURS[self.case.model].get('split')
        if self.case.direction == 'forward':
            return 'checkpointed' not in steps
        return not steps & {'deployed', 'frozen'}

    def input(self) -> Tensor:
        """A batch of random pixels, (N, 3, [T,] H, W)."""
        torch.manual_seed(1)
        x = torch.rand(self.case.batch, 3, *self.case.shape)
        if self.case.direction == 'forward':
            x = x.to(DTYPES.get(self.case.dtype, torch.float32))
        return x.to(self.device)

    def build(self, mode: str) -> nn.Module:
        """Return the model in ``mode``."""
        check_mode(mode)
        model: Any
        if mode == BASELINE:
            model = official_of(self.plain)
        else:
            model = copy.deepcopy(self.plain)
        steps = [] if mode in (BASELINE, 'eager') else mode.split('+')
        if 'checkpointed' in steps:
            model.num_checkpointed = model.spec.depths
        if 'deployed' in steps:
            deploy(model)
        if self.case.direction == 'forward':
            model.to(DTYPES.get(self.case.dtype, torch.float32))
        model.to(self.device)
        for step in steps:
            if step in COMPILERS:
                model.compile(**compiler(step))
            if step == 'frozen':
                freeze(model, self.input())
        return model

    def call(self, model: nn.Module, x: Tensor) -> Callable[[], Any]:
        """Return what runs ``model`` on ``x`` in the way of the case."""
        dtype = DTYPES.get(self.case.dtype)
        cast = (
            torch.autocast(self.device.type, dtype=dtype)
            if dtype
            else nullcontext()
        )

        def forward() -> Any:
            with torch.no_grad():
                return model(x)

        def training() -> None:
            model.zero_grad(set_to_none=True)
            with cast:
                outs = model(x)
            torch.autograd.backward([out.float().mean() for out in outs])

        return forward if self.case.direction == 'forward' else training


def compiler(step: str) -> dict[str, Any]:
    """Return the arguments of ``torch.compile``, with our options for CPUs."""
    arguments = dict(COMPILERS[step])
    if 'mode' not in arguments:  # torch takes a mode or options, not both
        own = arguments.get('options', {})
        arguments['options'] = {**own, **compile_options()}
    return arguments


def freeze(model: nn.Module, x: Tensor) -> None:
    """Let a compiled model take its weights for constants, for such inputs.

    As ``TORCHINDUCTOR_FREEZING=1`` does for all models of a process. The
    option of ``torch.compile`` alone comes too late: after its tracing.
    """
    from torch._inductor import config

    with config.patch(freezing=True), torch.no_grad():
        model(x)


def build_plain(case: Case) -> nn.Module:
    """Return our model of ``case``, or its peer from timm."""
    if case.model in PEERS:
        import timm

        name, arguments = PEERS[case.model]
        return timm.create_model(name, features_only=True, **arguments)
    options: dict[str, Any] = dict(OURS[case.model])
    light = ARCHS[options['arch']].light
    return (UniFormerLight if light else UniFormer)(**options)


def official_of(ours: Any) -> nn.Module:
    """Return the official form of our backbone, with its weights."""
    options: dict[str, Any] = {'ndim': ours.ndim, 'out_norm': ours.out_norm}
    model: nn.Module
    if ours.spec.light:
        model = OfficialUniFormerLight(ours.spec, **options)
    else:
        options['attention'] = ours.attention
        options['window_size'] = ours.window_size
        model = OfficialUniFormer(ours.spec, **options)
    model.load_state_dict(ours.state_dict())
    return model.train(ours.training)
