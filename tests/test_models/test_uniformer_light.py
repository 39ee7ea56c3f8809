"""What only ``UniFormerLight`` has: token shrinking with explicit state."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from tests.support.models import build, random_input
from uniformer_mm import fast
from uniformer_mm.models.uniformer_light import ShrinkBlock, _halve


@pytest.mark.parametrize('kind', ['light', 'light_video'])
def test_four_threads_give_what_one_gives(kind: str) -> None:
    model = build(kind).eval()
    inputs = [
        random_input(kind, 1 + i % 3, 64 + 16 * (i % 4), 96) for i in range(16)
    ]

    def run(x: Tensor) -> tuple[Tensor, ...]:
        with torch.no_grad():
            return model(x)

    expected = [run(x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, inputs))
    for result, reference in zip(results, expected, strict=True):
        torch.testing.assert_close(result, reference, rtol=0, atol=0)


def test_a_training_step_leaves_no_state_behind() -> None:
    model = build('light', norm_eval=True)
    x, other = random_input('light', 2, 64, 64), torch.rand(1, 3, 96, 64)
    model.train()
    model(other)[3].sum().backward()
    model.eval()
    with torch.no_grad():
        first = model(x)
        model(other)
        again = model(x)
    torch.testing.assert_close(first, again, rtol=0, atol=0)


def block_by_definition(
    block: ShrinkBlock, x: Tensor, cls_token: Tensor, scores: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """One image at a time, one token at a time, no sorting of features."""
    x = x + block.pos_embed(x)
    n, c, h, w = x.shape
    maps, cls_tokens, new_scores = [], [], []
    for i in range(n):
        tokens, score = x[i].reshape(c, -1).T, scores[i].reshape(-1)
        ranked = sorted(range(h * w), key=lambda t, s=score: -s[t].item())
        kept, rest = ranked[: h * w // 2], ranked[h * w // 2 :]
        share = score[rest] / score[rest].sum()
        summary = (share[:, None] * tokens[rest]).sum(0, keepdim=True)
        part = torch.cat([cls_token[i], tokens[kept], summary])[None]
        mixed, row = block.attn(block.norm1(part))
        update = mixed[0, -1]
        part = part + mixed
        mixed = block.mlp(block.norm2(part))
        update = update + mixed[0, -1]
        part = (part + mixed)[0]
        tokens, score = tokens.clone(), score.clone()
        for place, token in enumerate(kept):
            tokens[token] = part[1 + place]
            score[token] = 0.5 * score[token] + 0.5 * row[0, 1 + place]
        tokens[rest] = tokens[rest] + update
        maps.append(tokens.T.view(c, h, w))
        cls_tokens.append(part[:1])
        new_scores.append(score.view(h, w))
    return (
        torch.stack(maps),
        torch.stack(cls_tokens),
        torch.stack(new_scores),
    )


@pytest.mark.parametrize('size', [(4, 6), (5, 3)])
def test_shrink_block_is_the_definition(size: tuple[int, int]) -> None:
    block = build('light').blocks3[1].double()
    assert type(block) is ShrinkBlock
    torch.manual_seed(0)
    x = torch.randn(2, 32, *size, dtype=torch.float64)
    cls_token = torch.randn(2, 1, 32, dtype=torch.float64)
    scores = torch.rand(2, *size, dtype=torch.float64)
    with torch.no_grad():
        results = block(x, cls_token, scores)
        expected = block_by_definition(block, x, cls_token, scores)
    torch.testing.assert_close(results, expected)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_many_tokens_keep_their_places_under_autocast(
    dtype: torch.dtype,
) -> None:
    """Half types count exactly to 256 or 2048 only; here are 4,225 tokens."""
    block = build('light').blocks3[1].eval()
    torch.manual_seed(0)
    # Every token says where it is; the branches add nothing to it.
    for parameter in (
        *block.attn.proj.parameters(),
        *block.mlp.fc2.parameters(),
        *block.pos_embed.parameters(),
    ):
        torch.nn.init.zeros_(parameter)
    x = torch.arange(65 * 65, dtype=torch.float32).view(1, 1, 65, 65)
    x = x.expand(1, 32, 65, 65).clone()
    scores = torch.rand(1, 65, 65)
    with torch.no_grad(), torch.autocast('cpu', dtype=dtype):
        out, _, new_scores = block(x, torch.zeros(1, 1, 32), scores)
    assert torch.equal(out, x)
    assert new_scores.dtype == torch.float32
    # The worse half keeps its scores, at its places.
    worse = scores <= scores.flatten().sort().values[65 * 65 // 2]
    assert torch.equal(new_scores[worse], scores[worse])


@pytest.mark.parametrize(
    ('ndim', 'shape', 'pooled'),
    [(2, (2, 5, 6), (2, 2, 3)), (3, (2, 3, 5, 6), (2, 3, 2, 3))],
)
def test_halved_scores_keep_their_sum(
    ndim: int, shape: tuple[int, ...], pooled: tuple[int, ...]
) -> None:
    scores = torch.rand(shape, dtype=torch.float64)
    halved = _halve(scores, ndim)
    assert halved.shape == pooled
    torch.testing.assert_close(
        halved.flatten(1).sum(1), scores.flatten(1).sum(1)
    )
    means = scores[..., 0:2, 0:2].mean((-1, -2))
    ratio = halved[..., 0, 0] / means
    other = halved[..., 1, 2] / scores[..., 2:4, 4:6].mean((-1, -2))
    torch.testing.assert_close(ratio, other)


def test_gains_of_images_and_videos() -> None:
    """Images have a gain of their own for the tokens left out."""
    image, video = build('light_scale'), build('light_video', layer_scale=0.5)
    assert image.blocks3[1].gamma_3.shape == (32,)
    assert image.blocks3[0].gamma_1.shape == (32,)
    assert not hasattr(image.blocks3[0], 'gamma_3')
    assert video.blocks3[1].gamma_3 is None
    assert video.blocks3[1].gamma_2.shape == (32,)


def test_the_update_of_the_rest_is_never_dropped() -> None:
    block = build('light').blocks3[1]
    block.drop_path.drop_prob = 1 - 1e-6  # every branch, all but surely
    torch.manual_seed(0)
    x = torch.randn(1, 32, 4, 4)
    scores = torch.rand(1, 4, 4)
    with torch.no_grad():
        dropped, _, _ = block.train()(x, torch.randn(1, 1, 32), scores)
        start = x + block.pos_embed(x)
    better = scores > scores.flatten().sort().values[7]
    torch.testing.assert_close(
        dropped[0, :, better[0]], start[0, :, better[0]]
    )
    change = (dropped - start)[0, :, ~better[0]]
    assert change.abs().max() > 1e-3
    # All of the rest gets the one update of its representative.
    torch.testing.assert_close(change, change[:, :1].expand_as(change))


@pytest.mark.parametrize('kind', ['light', 'light_video'])
def test_the_class_token_beside_the_maps(kind: str) -> None:
    model = build(kind, out_indices=(2, 3), out_cls_token=True).eval()
    model.norm_cls.weight.data.uniform_(0.5, 1.5)
    x = random_input(kind, 2, 64, 96)
    with torch.no_grad():
        maps, cls_token = model(x)
        plain = build(kind, out_indices=(2, 3)).eval()
        plain.load_state_dict(model.state_dict(), strict=False)
        _, state = plain.forward_features(x)
        assert all(map(torch.equal, maps, plain(x)))
    token = state.cls_token[:, 0]
    # Layer norm with eps 1e-5, written out.
    centred = token - token.mean(1, keepdim=True)
    scale = (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(
        cls_token, centred / scale * model.norm_cls.weight
    )
    depth, depths = model.get_layer_depth('norm_cls.weight')
    assert depth == depths - 1


def test_the_class_token_needs_stage_4() -> None:
    with pytest.raises(ValueError, match=r'needs stage 4 .*got \(2,\)'):
        build('light', out_indices=(2,), out_cls_token=True)
    with pytest.raises(TypeError, match='out_cls_token must be True or False'):
        build('light', out_cls_token=1)


def test_a_saturated_class_token_gives_numbers() -> None:
    """Scores can sum to zero where they are to be divided by their sum."""
    model = build('light')
    with torch.no_grad():
        for block in (*model.blocks3, *model.blocks4):
            block.attn.qkv.weight.mul_(1e4)
    x = random_input('light', 2, 160, 160).requires_grad_()
    outs = model(x)
    assert all(out.isfinite().all() for out in outs)
    sum(out.sum() for out in outs).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    one_hot = torch.zeros(1, 3, 3)
    one_hot[0, 2, 2] = 1
    assert torch.equal(_halve(one_hot, 2), torch.zeros(1, 1, 1))


@pytest.mark.parametrize('kind', ['light', 'light_video'])
@pytest.mark.parametrize('n', [1, 2])
def test_the_map_of_one_sample_lies_as_that_of_two(kind: str, n: int) -> None:
    """Strides of an axis of length 1 tell convolutions how memory lies."""
    model = build(kind).eval()
    x = random_input(kind, n, 64, 96)
    with torch.no_grad(), fast.plain():
        (x, *_), _ = model.forward_features(x)
        x = model.patch_embed3(model.patch_embed2(x))
        x, *state = model.blocks3[0](x, model.cls_token.expand(n, -1, -1))
        x, *_ = model.blocks3[1](x, *state)
    tokens = x.movedim(1, -1)
    assert tokens.stride() == torch.empty(tokens.shape).stride()
