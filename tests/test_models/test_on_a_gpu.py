"""On a GPU, the same numbers: golden outputs, half precision, gradients."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch

from tests.support.golden import CASES, GoldenCase, build, every_case
from uniformer_mm import deploy, fast

DEVICE = 'cuda'
pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs CUDA'
)


@pytest.fixture(autouse=True)
def _full_float32() -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def outputs(model: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        outs = model(x)
    return [outs] if isinstance(outs, torch.Tensor) else list(outs)


@every_case
@pytest.mark.parametrize('form', ['plain', 'fast', 'deployed', 'compiled'])
def test_golden_outputs(golden: GoldenCase, form: str) -> None:
    model = build(golden).eval().to(DEVICE)
    if form == 'deployed':
        deploy(model)
    if form == 'compiled':
        torch.compiler.reset()
        model.compile()
    with fast.plain(form == 'plain'):
        outs = outputs(model, golden.input().to(DEVICE))
    for i, out in enumerate(outs):
        assert golden.relative_error(f'eval{i}', out.cpu()) <= 1e-4


# The drawn weights of the others leave the range of float16, or come close to
# ties of the tokens that a light model sorts.
IN_FLOAT16 = ('cls_small', 'dense_small_hybrid14', 'video_small')


@pytest.mark.parametrize(
    ('golden', 'dtype'),
    [
        *((name, torch.bfloat16) for name in CASES),
        *((name, torch.float16) for name in IN_FLOAT16),
    ],
    indirect=['golden'],
)
@pytest.mark.parametrize('cast', ['weights', 'autocast'])
def test_half_precision_is_finite_and_near(
    golden: GoldenCase, dtype: torch.dtype, cast: str
) -> None:
    model, x = build(golden).eval().to(DEVICE), golden.input().to(DEVICE)
    if cast == 'weights':
        model, x = model.to(dtype), x.to(dtype)
    with torch.autocast(DEVICE, dtype, enabled=cast == 'autocast'):
        outs = outputs(model, x)
    for i, out in enumerate(outs):
        error = golden.relative_error(f'eval{i}', out.float().cpu())
        # On a CPU: at most 0.08 and 0.002.
        assert error <= (0.1 if dtype == torch.bfloat16 else 0.005)


@every_case
def test_gradients_are_those_of_the_cpu(golden: GoldenCase) -> None:
    model = build(golden).eval()
    there = copy.deepcopy(model).to(DEVICE)
    for each, device in ((model, 'cpu'), (there, DEVICE)):
        outs = each(golden.input().to(device))
        outs = (outs,) if isinstance(outs, torch.Tensor) else outs
        golden.loss(tuple(out.cpu() for out in outs)).backward()
    pairs = zip(model.parameters(), there.parameters(), strict=True)
    for expected, got in pairs:
        if expected.grad is not None:
            scale = expected.grad.abs().max()
            error = (got.grad.cpu() - expected.grad).abs().max()
            assert error <= 1e-3 * scale + 1e-7
