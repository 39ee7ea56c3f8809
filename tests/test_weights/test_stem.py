"""Weights for another number of input channels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.runner import load_checkpoint
from torch import Tensor, nn

from tests.support.models import build, random_input
from uniformer_mm import deploy
from uniformer_mm.weights.load import load_backbone


def doubled(x: Tensor) -> Tensor:
    return torch.cat([x, x], 1)


@pytest.mark.parametrize(
    ('how', 'channels', 'seen', 'given'),
    [
        ('sum', 1, lambda x: x[:, :1].expand_as(x), lambda x: x[:, :1]),
        ('repeat', 6, lambda x: x, doubled),
        # Four channels can't be those of three, but for grey ones.
        ('repeat', 4, torch.ones_like, lambda x: torch.ones_like(doubled(x))),
        ('zero', 5, lambda x: x, doubled),
    ],
)
@pytest.mark.parametrize('kind', ['image', 'conv_stem', 'light', 'video'])
def test_other_numbers_of_input_channels(
    save: Callable[..., Path],
    log: pytest.LogCaptureFixture,
    kind: str,
    how: str,
    channels: int,
    seen: Callable[[Tensor], Tensor],
    given: Callable[[Tensor], Tensor],
) -> None:
    model = build(kind).eval()
    path = save(model.state_dict())
    other = build(kind, in_channels=channels).eval()
    options = {'head_dim': 16, 'stem_channels': how}
    report = load_backbone(other, path, **options)
    what = f'3 input channels made {channels} by {how}'
    stem = 'proj' if kind in ('image', 'video') else 'proj.0'
    assert report.changed == {f'patch_embed1.{stem}.weight': what}
    assert what in log.text
    x = random_input(kind, 1, 64, 64)
    with torch.no_grad():
        outs = other(given(x)[:, :channels])
        for a, b in zip(model(seen(x)), outs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    # Where the numbers agree, there is nothing to do.
    assert not load_backbone(build(kind), path, **options).changed


def test_other_input_channels_of_other_files(
    save: Callable[..., Path],
) -> None:
    """Of images for videos, of four for eight, in half precision."""
    state = build('image', in_channels=4).half().state_dict()
    path = save(state)
    video = build('video', in_channels=8)
    options = {'head_dim': 16, 'stem_channels': 'repeat'}
    report = load_backbone(video, path, **options)
    assert report.changed['patch_embed1.proj.weight'] == (
        '4 input channels made 8 by repeat, inflated by mean'
    )
    kernel = state['patch_embed1.proj.weight'][:, :, None].float() / 6
    assert torch.allclose(
        video.patch_embed1.proj.weight,
        kernel.repeat(1, 2, 3, 1, 1),
        rtol=1e-3,
    )


@pytest.mark.parametrize(
    ('how', 'channels'),
    [('zero', 1), ('repeat', 2), ('repeat', 1), ('sum', 4), ('zero', 2)],
)
def test_a_choice_that_does_not_fit_the_channels(
    save: Callable[..., Path], how: str, channels: int
) -> None:
    path = save(build('image').state_dict())
    with pytest.raises(
        ValueError,
        match=f"'{how}' does not make {channels} of 3 input channels: .*stem",
    ):
        load_backbone(
            build('image', in_channels=channels),
            path,
            head_dim=16,
            stem_channels=how,
        )


@pytest.mark.parametrize('kind', ['image', 'light', 'video'])
@pytest.mark.parametrize('deployed', [False, True])
def test_what_mmengine_would_pass_over(
    save: Callable[..., Path], kind: str, deployed: bool
) -> None:
    """As ``load_from`` and ``mim test`` load: all but another head."""

    def model(in_channels: int, classes: int) -> nn.Module:
        backbone = build(kind, in_channels=in_channels).eval()
        head = nn.Linear(64, classes)
        parts = {'backbone': backbone, 'head': head}
        whole = nn.ModuleDict(parts).eval()
        return deploy(whole) if deployed else whole

    path = str(save(model(3, 5).state_dict()))
    load_checkpoint(model(3, 7), path)
    for channels in (1, 2, 4, 6):
        with pytest.raises(
            RuntimeError,
            match=rf'is \(.*, 3, .*and \(.*, {channels}, .*stem_ch',
        ):
            load_checkpoint(model(channels, 5), path)
