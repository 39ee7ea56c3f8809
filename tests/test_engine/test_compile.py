"""The compiled backbone: few graphs, the same outputs and names."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from mmengine.model import BaseTTAModel, MMDistributedDataParallel
from mmengine.registry import HOOKS
from torch import Tensor, nn
from torch._dynamo.utils import counters

from tests.support.compiled import Holder, num_graphs
from tests.support.markers import needs_compiler
from tests.support.models import build, random_input
from uniformer_mm import deploy
from uniformer_mm.engine import CompileBackboneHook
from uniformer_mm.engine.compile import MODES


@pytest.fixture(autouse=True)
def _fresh_compiler() -> None:
    torch.compiler.reset()
    counters.clear()


def compiled(backbone: nn.Module, **options: Any) -> Any:
    """Return ``backbone``, compiled by the hook; 'eager' is fast to build."""
    options = {'backend': 'eager', **options}
    CompileBackboneHook(**options).compile(Holder(backbone))
    return backbone


def assert_same(backbone: Any, model: Any, x: Tensor, **close: Any) -> None:
    with torch.no_grad():
        for a, b in zip(backbone(x), model(x), strict=True):
            torch.testing.assert_close(a, b, **close)


CLOSE = {'atol': 1e-4, 'rtol': 1e-4}
SIZES = ((96, 64), (75, 101), (64, 64), (130, 97))


@pytest.mark.parametrize('kind', ['image', 'conv_stem', 'light', 'video'])
def test_all_sizes_share_a_graph(kind: str) -> None:
    changes = {'window_size': 3} if kind == 'image' else {}
    model = build(kind, **changes).eval()
    backbone = compiled(build(kind, **changes).eval())
    for h, w in SIZES:
        assert_same(backbone, model, random_input(kind, 2, h, w))
    assert num_graphs() == 1


def test_a_detector_s_run_makes_few_graphs(
    use_threads: Callable[[int], None],
) -> None:
    """Batches for training, single images for evaluation, of any size."""
    use_threads(1)  # on more, small single images have kernels of their own
    options = {'frozen_stages': 1, 'norm_eval': True, 'with_cp': True}
    backbone = compiled(build('image', **options))
    for _ in range(2):
        for h, w in SIZES:
            backbone.train()(random_input('image', 2, h, w))
        with torch.no_grad():
            for h, w in SIZES:
                backbone.eval()(random_input('image', 1, h, w))
    assert num_graphs() == 2


@pytest.mark.parametrize('n', [2, 3])
def test_a_square_batch_costs_one_graph_more(n: int) -> None:
    """Torch takes equal sizes of the first batch for the same size."""
    backbone = compiled(build('image').eval())
    with torch.no_grad():
        for m, h, w in ((n, 64, 64), (4, 64, 96), (5, 96, 64), (6, 96, 96)):
            backbone(random_input('image', m, h, w))
    assert num_graphs() == 2


def test_past_torch_s_limit_it_runs_uncompiled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = build('image').eval()
    backbone = compiled(build('image').eval(), dynamic=False)
    with torch._dynamo.config.patch(recompile_limit=2):
        for h in (64, 96, 128, 64, 160):
            assert_same(backbone, model, random_input('image', 2, h, 96))
    assert num_graphs() == 2
    assert 'hit config.recompile_limit (2)' in caplog.text


@pytest.mark.parametrize(
    ('kind', 'first'), [('image', 'compile'), ('light_scale', 'deploy')]
)
def test_it_goes_with_deploy(kind: str, first: str) -> None:
    model = build(kind).eval()
    backbone = build(kind).eval()
    x = random_input(kind, 2, 64, 96)
    if first == 'compile':
        assert_same(compiled(backbone), model, x)
        deploy(backbone)
    else:
        compiled(deploy(backbone))
    assert_same(backbone, model, x, **CLOSE)


def test_attention_can_change_afterwards() -> None:
    model = build('image').eval()
    backbone = compiled(build('image').eval())
    x = random_input('image', 2, 64, 96)
    for mode in ('hybrid', 'global', 'window'):
        for each in (model, backbone):
            each.set_attention(mode, window_size=3)
        assert_same(backbone, model, x)


def test_hooks_can_come_and_go_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = torch._dynamo.config
    monkeypatch.setattr(config, 'skip_nnmodule_hook_guards', True)
    model, x = build('image').eval(), random_input('image', 2, 64, 96)
    backbone = compiled(build('image').eval())
    assert_same(backbone, model, x)
    handles = [
        each.blocks3[0].attn.qkv.register_forward_hook(lambda *a: 2 * a[2])
        for each in (backbone, model)
    ]
    assert_same(backbone, model, x)
    for handle in handles:
        handle.remove()
    assert_same(backbone, model, x)
    assert num_graphs() == 2


def test_it_compiles_the_backbone_alone_and_once() -> None:
    model = Holder(build('image'))
    hook = CompileBackboneHook(backend='eager')
    hook.compile(nn.DataParallel(model))
    call = model.backbone._compiled_call_impl
    assert call is not None
    hook.compile(model)
    assert model.backbone._compiled_call_impl is call
    assert model._compiled_call_impl is None
    assert copy.deepcopy(model).backbone._compiled_call_impl is None


class Augmented(BaseTTAModel):
    def merge_preds(self, data_samples_list: list[Any]) -> list[Any]:
        return data_samples_list


def test_it_finds_the_model_of_test_time_augmentation() -> None:
    model = Holder(build('image'))
    CompileBackboneHook(backend='eager').compile(Augmented(model))
    assert model.backbone._compiled_call_impl is not None


def test_gradients_in_a_parallel_model(tmp_path: Path) -> None:
    """Torch cuts the graph where buckets of gradients end."""
    arch = {'depths': (1, 1, 1, 1), 'embed_dims': (8, 16, 32, 256)}
    settings = {'arch': {**arch, 'head_dim': 16}, 'norm_eval': True}
    model = Holder(build('image', **settings))
    other = Holder(build('image', **settings, with_cp=True))
    dist.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/meet', rank=0, world_size=1
    )
    try:
        parallel = MMDistributedDataParallel(other, bucket_cap_mb=1)
        CompileBackboneHook(backend='aot_eager').compile(parallel)
        for h, w in ((96, 64), (75, 101)):
            x = random_input('image', 2, h, w)
            for each in (model, parallel):
                each.zero_grad()
                each(x, mode='loss')['loss'].backward()
            for (name, a), b in zip(
                model.named_parameters(), other.parameters(), strict=True
            ):
                # Outside of graphs depthwise gradients are summed otherwise.
                close = {'atol': 2e-5, 'rtol': 1e-4}
                torch.testing.assert_close(
                    a.grad,
                    b.grad,
                    **close,
                    msg=lambda text, name=name: f'{name}: {text}',
                )
    finally:
        dist.destroy_process_group()
    assert num_graphs() == 1


@pytest.mark.parametrize(
    ('options', 'kind', 'message'),
    [
        ({'mode': 'fast'}, ValueError, "unknown mode 'fast'; choose one of"),
        ({'dynamic': 1}, TypeError, 'dynamic must be True, False or None'),
        ({'backend': None}, TypeError, 'backend must be a name, got None'),
        (
            {'mode': 'max-autotune', 'backend': 'aot_eager'},
            ValueError,
            "mode='max-autotune' is one of backend='inductor'",
        ),
    ],
)
def test_wrong_options(
    options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        HOOKS.build({'type': 'uniformer_mm.CompileBackboneHook', **options})


def test_a_model_without_a_backbone_is_refused() -> None:
    with pytest.raises(TypeError, match='needs a module model'):
        CompileBackboneHook().compile(nn.Linear(1, 1))


@pytest.mark.parametrize('dynamic', [True, False, None])
@pytest.mark.parametrize('mode', MODES)
def test_torch_knows_the_options(mode: str, dynamic: bool | None) -> None:
    hook = CompileBackboneHook(mode, dynamic)
    hook.compile(Holder(build('image')))
    graphs = hook.options['options'].get('triton.cudagraphs', False)
    assert graphs == (mode in ('reduce-overhead', 'max-autotune'))


@pytest.mark.slow
@needs_compiler
def test_inductor_trains_with_dynamic_sizes() -> None:
    model = Holder(build('image', window_size=9))
    other = Holder(build('image', window_size=9))
    CompileBackboneHook().compile(other)
    for h, w in SIZES:
        x = random_input('image', 2, h, w)
        for each in (model, other):
            each.zero_grad()
            each.train()(x, mode='loss')['loss'].backward()
        for (name, a), b in zip(
            model.named_parameters(), other.parameters(), strict=True
        ):
            scale = max(float(a.grad.abs().max()), 1e-3)
            torch.testing.assert_close(
                a.grad, b.grad, atol=1e-4 * scale, rtol=1e-4, msg=name
            )
        assert_same(other.backbone.eval(), model.backbone.eval(), x, **CLOSE)
    # Torch takes sides of one, here of stage 4, for constants.
    assert num_graphs() <= 4
