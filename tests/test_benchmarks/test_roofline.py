"""The roofline: what operations do, and how long they may take."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import half, roofline
from benchmarks.bounds import (
    FRESH,
    FRESH_BYTES,
    Machine,
    read_gpus,
    read_machine,
    write_machine,
)
from benchmarks.measure import MATH, count_flops
from benchmarks.operations import (
    KINDS,
    Operation,
    by_onednn,
    fused,
    trace,
)
from uniformer_mm.fast import linear, plain

X, W, B = torch.rand(6, 8), torch.rand(16, 8), torch.rand(16)
MAP = torch.rand(2, 4, 5, 7)
QKV = torch.rand(3, 2, 3, 9, 4)  # q, k, v: (B, heads, L, D)


def conv(x: Tensor, groups: int, kernel: int) -> Tensor:
    weight = torch.ones(4, 4 // groups, kernel, kernel)
    return F.conv2d(x, weight, padding=kernel // 2, groups=groups)


# What runs, and the kind, FLOPs and bytes of its only operation.
KNOWN: dict[str, tuple[Any, str, int, int]] = {
    'linear': (
        lambda: F.linear(X, W, B),
        'product',
        2 * 6 * 8 * 16,
        4 * (6 * 8 + 16 * 8 + 16 + 6 * 16),
    ),
    'bmm': (
        lambda: torch.bmm(QKV[0, 0], QKV[1, 0].mT),
        'product',
        2 * 3 * 9 * 4 * 9,
        4 * (2 * 3 * 9 * 4 + 3 * 9 * 9),
    ),
    'attention': (
        lambda: F.scaled_dot_product_attention(*QKV),
        'attention',
        4 * 2 * 3 * 9 * 9 * 4,
        # And the log of the sum of each row.
        4 * (4 * 2 * 3 * 9 * 4 + 2 * 3 * 9),
    ),
    'gelu': (lambda: F.gelu(X), 'gelu', 0, 2 * 4 * 48),
    'sum with one row for all': (
        lambda: X + torch.ones(1)[:, None].expand(6, 8),
        'pointwise',
        0,
        4 * (48 + 1 + 48),
    ),
    'rows of a table': (
        lambda: torch.index_select(W, 0, torch.tensor([3, 5])),
        'copy',
        0,
        4 * 2 * 8 * 2 + 2 * 8,  # and two indices of 8 bytes
    ),
    'rows into a table': (
        lambda: W.clone().index_copy_(0, torch.tensor([3, 5]), X[:2]),
        'copy',
        0,
        4 * 2 * 8 * 3 + 2 * 8,  # those that are written over count as read
    ),
    'convolution of a clip': (
        lambda: torch.mkldnn_convolution(
            MAP, torch.ones(3, 4, 1, 1), None, (0, 0), (1, 1), (1, 1), 1
        ),
        '1x1 convolution',
        2 * 2 * 3 * 35 * 4,
        4 * (2 * 4 * 35 + 3 * 4 + 2 * 3 * 35),
    ),
    'in place': (lambda: X.clone().add_(X), 'pointwise', 0, 4 * 3 * 48),
}


@pytest.mark.parametrize('name', KNOWN)
@torch.no_grad()
def test_known_operations(name: str) -> None:
    run, kind, flops, size = KNOWN[name]
    operation = trace(run)[-1]
    assert (operation.kind, operation.flops) == (kind, flops)
    assert operation.bytes == size


@pytest.mark.parametrize(
    ('groups', 'kernel', 'kind'),
    [(1, 3, 'convolution'), (1, 1, '1x1 convolution'), (4, 3, 'depthwise')],
)
def test_convolutions_and_their_gradients(
    groups: int, kernel: int, kind: str
) -> None:
    x = MAP.clone().requires_grad_()
    y = conv(x, groups, kernel)
    found = trace(lambda: conv(x, groups, kernel))
    (forward,) = [o for o in found if o.flops]
    flops = 2 * MAP.numel() * (4 // groups) * kernel**2
    assert (forward.kind, forward.flops) == (kind, flops)
    back = [o for o in trace(y.sum().backward) if o.flops]
    assert [(o.kind, o.flops) for o in back] == [(f'{kind} gradient', flops)]


def test_views_and_empty_memory_are_no_operations() -> None:
    assert trace(lambda: torch.empty(3, 4)[1:].view(-1)) == []


@pytest.mark.skipif(not linear.AVAILABLE, reason='packed on x86 alone')
@torch.no_grad()
def test_fast_forms_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, 'LEAST_TOKENS', 1)
    case = roofline.Case('uniformer-xxs', (64, 64), 1)
    kinds = {}
    for form in ('plain', 'deployed'):
        call = roofline._call(case, form)
        call()  # which packs weights
        found = trace(call)
        kinds[form] = Counter(o.kind for o in found)
        assert set(kinds[form]) <= set(KINDS)
    assert kinds['plain']['packed product'] == 0
    assert kinds['deployed']['packed product'] > 20
    assert kinds['deployed']['packing'] == 0 < kinds['deployed']['norm']
    # As torch's own counter has them, where it sees attention as products.
    with plain(), MATH():
        flops = sum(o.flops for o in trace(roofline._call(case, 'plain')))
    assert flops == count_flops(case)


def operation(kind: str, reads: list[int], writes: list[int]) -> Operation:
    sizes = {value: 10 * 2**value for value in (*reads, *writes)}
    return Operation(
        kind,
        kind,
        100 * (kind == 'product'),
        {value: sizes[value] for value in reads},
        {value: sizes[value] for value in writes},
    )


def test_runs_between_products_are_one_kernel() -> None:
    first, *rest = work = [
        operation('product', [0], [1]),
        operation('pointwise', [1], [2]),
        operation('gelu', [2, 0], [3]),
        operation('product', [3], [4]),
        operation('norm', [4], [5]),
    ]
    kernels = fused(work)
    assert [k.name for k in kernels] == [
        *('product', 'pointwise+gelu', 'product', 'norm'),
    ]
    run = kernels[1]
    # The value between both is neither written nor read.
    assert (set(run.reads), set(run.writes)) == ({0, 1}, {3})
    assert kernels[0] == first
    assert kernels[2:] == rest[2:]


def test_large_products_are_onednn_s() -> None:
    large, small = 10**8, 100
    work = [
        Operation('mm', kind, flops, {1: 4, 2: 4, 3: 4}, {})
        for kind in ('product', '1x1 convolution gradient', 'convolution')
        for flops in (large, small)
    ]
    kinds = [each.kind for each in by_onednn(work) if each.kind != 'packing']
    assert kinds[::2] == ['packed product', 'packed product', 'convolution']
    assert kinds[1::2] == [each.kind for each in work[1::2]]


@pytest.mark.parametrize(
    ('tokens', 'kind'), [(64, 'attention'), (4096, 'packed product')]
)
def test_attention_over_many_tokens_is_onednn_s(
    tokens: int, kind: str
) -> None:
    q, k, v = torch.rand(3, 1, 1, tokens, 8)
    work = trace(lambda: F.scaled_dot_product_attention(q, k, v))
    assert [each.kind for each in by_onednn(work)] == [kind]


def test_of_a_gradient_the_smaller_map_is_turned_over_in_memory() -> None:
    kind = '1x1 convolution gradient'
    reads, writes = {1: 400, 2: 800, 3: 100}, {4: 800, 5: 100}
    gradient = Operation('gradient', kind, 10**9, reads, writes)
    turned, product = by_onednn([gradient])
    assert (turned.kind, turned.bytes) == ('packing', 2 * 400)
    assert product == replace(gradient, kind='packed product')


RATES = {
    'product': [(10.0, 50.0), (1000.0, 100.0)],
    'gelu': [(1.0, 20.0)],
    'copy': [(1.0, 40.0)],
    FRESH: [(1.0, FRESH_BYTES / 3.0)],
}
MACHINE = Machine('A processor', RATES, 0.5)


def test_the_larger_bound_counts() -> None:
    product = Operation('mm', 'product', 2000, {0: 40}, {1: 40})
    assert MACHINE.seconds(product) == (20.5, 'FLOPs')
    small = Operation('mm', 'product', 10, {0: 40}, {1: 40})
    assert MACHINE.seconds(small) == (2.5, 'bytes')
    gelu = Operation('gelu', 'gelu', 0, {0: 4}, {1: 4})
    assert MACHINE.seconds(gelu) == (0.9, 'overhead')
    # A gradient that was not measured is as fast as what it is of.
    assert MACHINE.rate('product gradient', 900) == 100


def test_large_new_memory_costs_time() -> None:
    size = FRESH_BYTES
    new = Operation('add', 'copy', 0, {0: size}, {1: size})
    again = Operation('add_', 'copy', 0, {0: size}, {0: size})
    times = [MACHINE.seconds(each)[0] for each in (new, again)]
    assert times[0] - times[1] == pytest.approx(3)


def test_bounds_and_predictions() -> None:
    work = [
        operation('product', [0], [1]),
        operation('gelu', [1], [2]),
    ]
    # 100 FLOPs at 50/s against 10 bytes in and 40 out at 40/s.
    assert roofline.lower_bound(work, MACHINE) == 2
    assert roofline.predicted(work, MACHINE) == 2 + 0.5 + 60 / 20 + 0.5
    assert roofline.shares(work, MACHINE, 'kind')[0] == ('gelu', 3.5 / 6)


def test_a_machine_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / 'machine.csv'
    write_machine(path, MACHINE)
    assert read_machine(path).rates == {
        kind: [(w, pytest.approx(r, rel=1e-3)) for w, r in points]
        for kind, points in RATES.items()
    }


def test_cards_have_every_kind() -> None:
    cards = read_gpus(roofline.HERE / 'gpus.csv')
    assert set(cards) == {'H100 SXM', 'H200 SXM'}
    for card in cards.values():
        assert set(card.rates) == set(KINDS)
        assert card.rate('depthwise', 1) < card.rate('product', 1)
    speeds = [card.rate('copy', 1) for card in cards.values()]
    assert speeds == sorted(speeds)


def test_the_sections_are_up_to_date() -> None:
    assert roofline.main(['--check']) == 0
    assert half.main(['--check']) == 0
