"""No map is copied that need not be: tokens are views of channels-last maps.

Copies are counted in a profile, where those inside of torch's own operations
show too. A linear layer of a CPU writes its bias before it multiplies, a
convolution puts its weights into channels-last memory, and some releases of
torch fill by copying a number; none is a copy of a map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from tests.support.models import build, random_input
from uniformer_mm import deploy

NOT_OF_MAPS = {'aten::addmm', 'aten::fill_'}
FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


@pytest.fixture(autouse=True)
def _two_threads(use_threads: Callable[[int], None]) -> None:
    """On one thread torch convolves small batches by copying."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip('without oneDNN, convolutions of a CPU copy')
    use_threads(2)


def parents(event: FunctionEvent) -> Iterator[str]:
    while event.cpu_parent is not None:
        event = event.cpu_parent
        yield event.name


def copied_maps(model: Any, x: torch.Tensor) -> list[tuple[int, ...]]:
    """The shapes of the activations that ``model(x)`` copies."""
    model(x)  # the first call sets things up
    with profile(
        activities=[ProfilerActivity.CPU], record_shapes=True
    ) as recorded:
        model(x)
    weights = {tuple(p.shape) for p in model.parameters()}
    shapes = [
        tuple(event.input_shapes[0])
        for event in recorded.events()
        if event.name == 'aten::copy_'
        and not NOT_OF_MAPS & set(parents(event))
    ]
    return [shape for shape in shapes if shape not in weights]


@pytest.mark.parametrize('grad', [False, True])
@pytest.mark.parametrize('deployed', [False, True])
@pytest.mark.parametrize(
    ('kind', 'changes', 'size', 'copies'),
    [
        ('image', {'attention': 'global'}, (64, 96), 0),
        ('image', {'attention': 'global'}, (75, 101), 0),
        # Stage 3 has 4 x 6 tokens. Padding (by nothing, so that graphs pad
        # other sizes), cutting and merging, in four blocks.
        ('image', {'attention': 'window', 'window_size': 2}, (64, 96), 12),
        # Windows of two kinds: cutting those that are several, and merging
        # each kind. One block of hybrid has no windows.
        ('image', {'attention': 'window', 'window_size': 3}, (75, 101), 12),
        ('image', {'attention': 'hybrid', 'window_size': 3}, (75, 101), 9),
        # One window: nothing to cut and to merge.
        ('image', {'attention': 'window', 'window_size': 6}, (75, 101), 0),
        ('conv_stem', {}, (75, 101), 0),
        ('layer_scale', {}, (75, 101), 0),
        ('video', {}, (64, 96), 0),
    ],
)
def test_copies_of_maps(
    kind: str,
    changes: dict[str, Any],
    size: tuple[int, int],
    copies: int,
    deployed: bool,
    grad: bool,
) -> None:
    model = build(kind, out_channels_last=True, **changes).eval()
    if deployed:
        deploy(model)
    x = random_input(kind, 2, *size)
    x = x.contiguous(memory_format=FORMATS[x.ndim])
    with torch.set_grad_enabled(grad):
        assert len(copied_maps(model, x)) == copies


def test_the_count_sees_a_copy() -> None:
    model = build('image', attention='global', out_channels_last=True).eval()
    model.norm2.register_forward_pre_hook(
        lambda _, args: (args[0].clone(), *args[1:])
    )
    x = random_input('image', 2, 64, 96)
    x = x.contiguous(memory_format=torch.channels_last)
    assert copied_maps(model, x) == [(2, 8, 12, 16)]


@pytest.mark.parametrize('threads', [1, 2])
def test_small_videos_stay_in_channels_last_memory(
    threads: int, use_threads: Callable[[int], None]
) -> None:
    use_threads(threads)
    model = build('light_video').eval()
    x = random_input('light_video', 1, 64, 64)
    maps: list[torch.Tensor] = []
    model.blocks1[0].register_forward_pre_hook(
        lambda _, args: maps.append(args[0])
    )
    with torch.no_grad():
        model(x)
    assert maps
    for x in maps:
        assert x.is_contiguous(memory_format=torch.channels_last_3d)
        assert not x.is_contiguous()
