from __future__ import annotations

import pytest
import torch

from uniformer_mm.models.layers import (
    ConvEmbed,
    DropPath,
    PatchEmbed,
)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_drop_path_drops_whole_samples_at_its_rate(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = DropPath(0.3)
    out = layer(torch.ones(20_000, 2, 3, dtype=dtype))
    per_sample = out.flatten(1)
    assert torch.equal(per_sample.amin(1), per_sample.amax(1))
    kept = per_sample[:, 0] != 0
    # Three standard deviations of a binomial draw are 0.0097.
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.0097)
    torch.testing.assert_close(
        per_sample[kept][:, 0].unique(),
        torch.tensor([1 / 0.7], dtype=dtype),
    )


def test_drop_path_is_the_identity_in_eval_mode() -> None:
    x = torch.randn(4, 3)
    assert DropPath(0.9).eval()(x) is x
    assert DropPath(0.0)(x) is x


def test_drop_path_may_be_set_to_drop_everything() -> None:
    layer = DropPath(0.5)
    layer.drop_prob = 1.0
    assert not layer(torch.randn(4, 3)).any()


def test_patch_embed_drops_the_remainder() -> None:
    out = PatchEmbed(2, 3, 16, 4, 3, 2)(torch.randn(2, 3, 39, 40))
    assert out.shape == (2, 16, 9, 10)
    # LayerNorm with weight 1 and bias 0: each position has mean 0, var 1.
    assert out.mean(1).abs().max() < 1e-5
    torch.testing.assert_close(
        out.var(1, unbiased=False), torch.ones(2, 9, 10), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize(
    ('first', 'frames', 'size'), [(True, 3, (10, 10)), (False, 5, (20, 20))]
)
def test_conv_embed_rounds_up(
    first: bool, frames: int, size: tuple[int, int]
) -> None:
    images = ConvEmbed(2, 3, 16, first)(torch.randn(2, 3, 39, 40))
    assert images.shape == (2, 16, *size)
    videos = ConvEmbed(3, 3, 16, first)(torch.randn(2, 3, 5, 39, 40))
    assert videos.shape == (2, 16, frames, *size)


@pytest.mark.parametrize(
    ('kernel', 'stride', 'frames'), [(3, 2, 3), (3, 1, 5), (1, 1, 5)]
)
def test_patch_embed_of_videos(kernel: int, stride: int, frames: int) -> None:
    embed = PatchEmbed(3, 3, 16, 2, kernel, stride)
    out = embed(torch.randn(2, 3, 5, 9, 8))
    assert out.shape == (2, 16, frames, 4, 4)
