"""The parts of whole models: who is counted for what."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks import parts
from benchmarks.part_clock import PARTS, Clock, watch
from tests.support.recipe import load_config
from uniformer_mm import fast


def ticking() -> Clock:
    """A clock that goes on by a second each time it is asked."""
    ticks = itertools.count()
    return Clock(lambda: float(next(ticks)))


def test_what_runs_within_a_part_is_not_counted_there() -> None:
    clock = ticking()
    with clock.part('outer'):
        with clock.part('inner'):
            clock.becomes('inside')
        with pytest.raises(ValueError, match='no'), clock.part('inner'):
            raise ValueError('no')
    assert clock.seconds == {'outer': 3, 'inner': 2, 'inside': 1}


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(self, x))
        return x * self.weight

    def predict_by_feat(self, x: Tensor) -> Tensor:
        return x


class Model(nn.Module):
    """Parts by the names that hosts give them."""

    def __init__(self) -> None:
        super().__init__()
        self.data_preprocessor = nn.Identity()
        self.backbone = Layer()
        self.neck = Layer()
        self.rpn_head = Layer()
        self.roi_head = nn.Module()
        self.roi_head.bbox_roi_extractor = Layer()
        self.roi_head.bbox_head = Layer()
        self.auxiliary_head = nn.ModuleList([Layer()])

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.data_preprocessor(x)
        out: tuple[Tensor, ...] = self.neck((self.backbone(x), x))
        return out

    def loss(self, x: Tensor) -> Tensor:
        x, _ = self.features(x)
        x = self.rpn_head.predict_by_feat(self.rpn_head.forward(x))
        out: Tensor = self.roi_head.bbox_head(x).sum()
        return out

    def predict(self, x: Tensor) -> Tensor:
        x = self.roi_head.bbox_roi_extractor(self.features(x)[0])
        out: Tensor = self.auxiliary_head[0](x)
        return out


def test_each_part_of_a_model_is_counted() -> None:
    model, clock = Model(), ticking()
    optim_wrapper = SimpleNamespace(
        backward=lambda loss: loss.backward(), step=int, zero_grad=int
    )
    watch(model, optim_wrapper, clock)
    model.predict(torch.ones(3))
    assert set(clock.seconds) == {*PARTS[:4], 'post-processing'}
    assert clock.seconds['heads'] == 2
    clock.seconds.clear()
    optim_wrapper.backward(model.loss(torch.ones(3)))
    optim_wrapper.step()
    optim_wrapper.zero_grad()
    assert set(clock.seconds) == set(PARTS)
    assert clock.seconds['backward of backbone'] == 1
    assert clock.seconds['optimizer'] == 2


@pytest.mark.parametrize(
    ('operation', 'is_one'),
    [
        ('aten::addmm_', True),
        ('aten::mkldnn_convolution', True),
        ('aten::convolution_backward', True),
        ('mkldnn::_linear_pointwise', True),
        ('aten::_scaled_dot_product_flash_attention_for_cpu_backward', True),
        ('mkldnn::_reorder_linear_weight', False),
        ('aten::upsample_bilinear2d', False),
        ('aten::convert_indices', False),
        ('torchvision::roi_align', False),
    ],
)
def test_products_among_operations(operation: str, is_one: bool) -> None:
    assert bool(parts.PRODUCTS.match(operation)) == is_one


def test_the_plain_form_is_for_its_time_alone() -> None:
    whole_models = pytest.importorskip('benchmarks.whole_models')
    groups: list[dict[str, Any]] = [{'fused': True}, {'fused': None}]
    optimizer = SimpleNamespace(param_groups=groups)
    whole: Any = SimpleNamespace(
        optim_wrapper=SimpleNamespace(optimizer=optimizer)
    )
    with whole_models.WholeModel.as_plain(whole):
        assert groups == [{'fused': None}, {'fused': None}]
        assert not fast.is_on()
    assert groups == [{'fused': True}, {'fused': None}]
    assert fast.is_on()


def test_cases_are_configs_and_the_page_shows_the_rows() -> None:
    whole_models = pytest.importorskip('benchmarks.whole_models')
    for case in whole_models.CASES:
        pytest.importorskip(case.host)
        assert load_config(*case.config.split('/')).default_scope == case.host
    assert parts.main(['--check']) == 0
