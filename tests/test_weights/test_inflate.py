"""Weights of image models in video models."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from tests.support.models import build
from uniformer_mm import UniFormer, UniFormerClassifier, UniFormerLight
from uniformer_mm.models.layers import PatchEmbed, depthwise
from uniformer_mm.weights.convert import convert
from uniformer_mm.weights.report import Report
from uniformer_mm.weights.steps import inflate

# Frames per kernel of the video model (recipes of the official release).
FRAMES = {
    r'patch_embed1\.proj(\.0|\.3)?\.weight': 3,
    r'patch_embed[2-4]\.proj\.weight': 1,
    r'blocks\d\.\d+\.pos_embed\.weight': 3,
    r'blocks[12]\.\d+\.attn\.weight': 5,
    r'blocks[12]\.\d+\.(conv1|conv2|mlp\.fc1|mlp\.fc2)\.weight': 1,
    r'blocks[12]\.\d+\.gamma_\d': 1,
}
EXACT = {'rtol': 1e-5, 'atol': 1e-5}


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {k: tuple(v.shape) for k, v in model.state_dict().items()}


def inflated(image: nn.Module, video: nn.Module, how: str) -> nn.Module:
    """Return ``video``, in eval mode, with the weights of ``image``."""
    state, _ = inflate(image.state_dict(), shapes(video), how)
    video.load_state_dict(state, strict=True)
    image.eval()
    return video.eval()


def still(image: Tensor, frames: int) -> Tensor:
    """(N, C, H, W) -> (N, C, T, H, W), all frames alike."""
    return image.unsqueeze(2).repeat(1, 1, frames, 1, 1)


def stir(model: nn.Module) -> nn.Module:
    """Give batch norms statistics that are not those of a new model."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model


KERNEL = torch.tensor([3.0, 15.0, 30.0, 45.0]).reshape(1, 1, 2, 2)


@pytest.mark.parametrize('frames', [3, 5])
def test_numbers_by_hand(frames: int) -> None:
    state = {'w': KERNEL}
    target = {'w': (1, 1, frames, 2, 2)}
    result, report = inflate(state, target)
    share = [[[1, 5], [10, 15]]] if frames == 3 else [[[0.6, 3], [6, 9]]]
    torch.testing.assert_close(
        result['w'][0, 0], torch.tensor(share).float().repeat(frames, 1, 1)
    )
    assert report == Report(kept=('w',), changed={'w': 'inflated by mean'})
    result, report = inflate(state, target, 'centre')
    middle = frames // 2
    assert result['w'][0, 0, middle].tolist() == [[3, 15], [30, 45]]
    assert result['w'].count_nonzero() == 4
    assert report.changed == {'w': 'inflated by centre'}
    assert state['w'] is KERNEL
    assert KERNEL.flatten().tolist() == [3, 15, 30, 45]


@pytest.mark.parametrize('how', ['mean', 'centre'])
def test_one_frame_is_an_axis_more(how: str) -> None:
    result, report = inflate({'w': KERNEL}, {'w': (1, 1, 1, 2, 2)}, how)
    assert torch.equal(result['w'], KERNEL.unsqueeze(2))
    assert report.changed == {'w': 'unsqueezed'}


def test_what_fits_is_taken_as_it_is() -> None:
    state = {'norm.running_var': torch.ones(4), 'fc.weight': torch.ones(2, 3)}
    target = {'norm.running_var': (4,), 'fc.weight': [2, 3], 'new': (1,)}
    result, report = inflate(state, target)
    assert all(result[key] is state[key] for key in state)
    assert report == Report(kept=tuple(state))


MODELS = {
    'small': (UniFormer, {'arch': 'small'}),
    'xxs': (UniFormerLight, {'arch': 'xxs'}),
}


@pytest.mark.parametrize('how', ['mean', 'centre'])
@pytest.mark.parametrize('kind', ['image', 'layer_scale', 'light', *MODELS])
def test_factors_of_whole_models(kind: str, how: str) -> None:
    if kind in MODELS:
        cls, arguments = MODELS[kind]
        image, video = cls(**arguments), cls(ndim=3, **arguments)
    else:
        settings = {'attention': 'global'} if kind == 'image' else {}
        image = build(kind, **settings)
        video = build(kind, ndim=3, **settings)
    state = image.state_dict()
    result, report = inflate(state, shapes(video), how)
    assert {k: tuple(v.shape) for k, v in result.items()} == shapes(video)
    factors = {
        key: frames
        for key, value in state.items()
        for pattern, frames in FRAMES.items()
        if value.ndim == 4 and re.fullmatch(pattern, key)
    }
    assert report.changed == {
        key: 'unsqueezed' if frames == 1 else f'inflated by {how}'
        for key, frames in factors.items()
    }
    for key, frames in factors.items():
        value = result[key]
        assert value.shape[2] == frames
        if how == 'mean':
            torch.testing.assert_close(value[:, :, 0] * frames, state[key])
            assert torch.equal(value, value[:, :, :1].expand_as(value))
        else:
            assert torch.equal(value[:, :, frames // 2], state[key])
            assert torch.equal(value.sum(2), state[key])
    same = set(state) - set(factors)
    assert all(result[key] is state[key] for key in same)


def test_a_classifier_keeps_the_statistics_of_its_norm() -> None:
    """An image classifier into the backbone of a recognizer."""
    arch = build('image').spec
    image = stir(UniFormerClassifier(arch)).backbone
    video = UniFormer(arch, ndim=3, out_indices=(3,), out_norm='BN')
    inflated(image, video, 'mean')
    assert torch.equal(video.norm.running_mean, image.norm.running_mean)
    assert torch.equal(video.norm.running_var, image.norm.running_var)


@pytest.mark.parametrize('kernel', [3, 5])
def test_depthwise_means_agree_away_from_the_ends(kernel: int) -> None:
    flat, deep = depthwise(2, 4, kernel), depthwise(3, 4, kernel)
    inflated(flat, deep, 'mean')
    x = torch.rand(2, 4, 6, 7)
    out = deep(still(x, 9))
    end = kernel // 2
    expected = still(flat(x), 9 - 2 * end)
    torch.testing.assert_close(out[:, :, end:-end], expected, **EXACT)
    # At the ends part of the kernel is over padding: two of three frames.
    share = (end + 1) / kernel
    bias = flat.bias.reshape(-1, 1, 1)
    expected = (flat(x) - bias) * share + bias
    torch.testing.assert_close(out[:, :, 0], expected, **EXACT)


def test_patches_of_means_agree_after_the_first_frame() -> None:
    flat = PatchEmbed(2, 3, 8, 4, time_kernel=1, time_stride=1)
    deep = PatchEmbed(3, 3, 8, 4, time_kernel=3, time_stride=2)
    inflated(flat, deep, 'mean')
    x = torch.rand(1, 3, 8, 12)
    out = deep(still(x, 8))
    # Four frames come out; each but the first is of three real frames.
    torch.testing.assert_close(out[:, :, 1:], still(flat(x), 3), **EXACT)
    assert not torch.allclose(out[:, :, 0], flat(x), atol=1e-3)


def test_convolution_stages_of_means_agree_in_the_middle() -> None:
    image = stir(build('image', out_indices=(0, 1)))
    video = inflated(
        image,
        build('image', ndim=3, attention='global', out_indices=(0, 1)),
        'mean',
    )
    x = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        flat, deep = image(x), video(still(x, 32))
    # Of 16 frames, the stem spoils the first and each block 1 + 2 per end.
    for stage, (two, three) in enumerate(zip(flat, deep, strict=True), 1):
        middle = three[:, :, 1 + 3 * stage : 16 - 3 * stage]
        expected = still(two, middle.shape[2])
        torch.testing.assert_close(middle, expected, **EXACT)
        assert not torch.allclose(three[:, :, 3 * stage], two, atol=1e-6)


def test_centres_agree_everywhere() -> None:
    """Each frame is as alone, and copies of keys change no attention."""
    image = stir(build('image', attention='global'))
    video = inflated(
        image, build('image', ndim=3, attention='global'), 'centre'
    )
    x = torch.rand(2, 3, 33, 65)
    with torch.no_grad():
        flat, deep = image(x), video(still(x, 6))
    assert len(flat) == 4
    for two, three in zip(flat, deep, strict=True):
        torch.testing.assert_close(three, still(two, 3), **EXACT)


def test_conversion_and_inflation_make_one_account() -> None:
    arch = build('image').spec
    state = {
        key.removeprefix('backbone.'): value
        for key, value in UniFormerClassifier(arch).state_dict().items()
    }
    video = UniFormer(arch, ndim=3, out_norm=None)
    bare, first = convert(state, 'backbone')
    result, second = inflate(bare, shapes(video))
    video.load_state_dict(result, strict=True)
    report = first.then(second)
    assert set(report.kept) == set(result)
    assert set(report.dropped.values()) == {'classifier'}
    assert set(report.changed.values()) == {'unsqueezed', 'inflated by mean'}


def test_half_precision_stays() -> None:
    result, _ = inflate({'w': KERNEL.half()}, {'w': (1, 1, 3, 2, 2)})
    assert result['w'].dtype == torch.float16
    assert torch.equal(result['w'][:, :, 0], KERNEL.half() / 3)


@pytest.mark.parametrize(
    ('state', 'target', 'how', 'message'),
    [
        ({}, {}, 'center', r"unknown how 'center'; choose one of \['mean', "),
        (
            {'aux_head.weight': KERNEL, 'x': KERNEL},
            {'x': KERNEL.shape},
            'mean',
            r'not in the video model: aux_head\.weight$',
        ),
        (
            {'head.weight': torch.ones(1000, 8)},
            {'head.weight': (400, 8)},
            'mean',
            r'head\.weight has shape \(1000, 8\), which does not become '
            r'\(400, 8\) by a time axis',
        ),
        (
            {'w': KERNEL},
            {'w': (1, 1, 3, 2, 3)},
            'mean',
            r'w has shape \(1, 1, 2, 2\), .* \(1, 1, 3, 2, 3\)',
        ),
        (
            {'w': torch.ones(1, 1, 3, 2, 2)},
            {'w': (1, 1, 2, 2)},
            'mean',
            r'w has shape \(1, 1, 3, 2, 2\)',
        ),
        (
            {'w': torch.ones(1, 1, 1, 2, 2)},
            {'w': (1, 1, 3, 2, 2)},
            'centre',
            r'w has shape \(1, 1, 1, 2, 2\)',
        ),
        ({'b': torch.ones(3)}, {'b': (4,)}, 'mean', r'b has shape \(3,\)'),
    ],
)
def test_refusals(
    state: dict[str, Tensor],
    target: dict[str, tuple[int, ...]],
    how: str,
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        inflate(state, target, how)
