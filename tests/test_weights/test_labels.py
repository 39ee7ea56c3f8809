"""Rows of heads in another order of classes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from uniformer_mm.weights.report import Report
from uniformer_mm.weights.steps import permute_head

AUTHORS = ['zumba', 'Riding_a  bike', 'abseiling']
OTHERS = ['abseiling', 'riding a bike', 'zumba']
PREFIX = 'cls_head.fc_cls.'


def head(classes: int = 3) -> dict[str, Tensor]:
    rows = torch.arange(float(classes))
    return {
        'backbone.norm.weight': torch.ones(2),
        f'{PREFIX}weight': torch.stack([rows, rows + 10], 1),
        f'{PREFIX}bias': rows + 20,
    }


def test_rows_follow_their_labels() -> None:
    state = head()
    before = {key: value.clone() for key, value in state.items()}
    result, report = permute_head(state, AUTHORS, OTHERS, PREFIX)
    assert result[f'{PREFIX}weight'].tolist() == [[2, 12], [1, 11], [0, 10]]
    assert result[f'{PREFIX}bias'].tolist() == [22, 21, 20]
    assert result['backbone.norm.weight'] is state['backbone.norm.weight']
    what = 'permuted to the target class order'
    assert report == Report(
        kept=tuple(state),
        changed={f'{PREFIX}weight': what, f'{PREFIX}bias': what},
    )
    assert what in report.summary()
    assert all(torch.equal(state[key], before[key]) for key in before)


def test_a_cycle_of_classes_goes_the_right_way() -> None:
    source, target = ['a', 'b', 'c'], ['b', 'c', 'a']
    result, _ = permute_head(head(), source, target, PREFIX)
    assert result[f'{PREFIX}bias'].tolist() == [21, 22, 20]
    back, _ = permute_head(result, target, source, PREFIX)
    assert torch.equal(back[f'{PREFIX}weight'], head()[f'{PREFIX}weight'])


def test_orders_that_agree_change_nothing() -> None:
    spelled = ['ABSEILING', 'riding_a_bike', ' zumba ']
    state = head()
    result, report = permute_head(state, spelled, OTHERS, PREFIX)
    assert all(result[key] is state[key] for key in state)
    assert result is not state
    assert report == Report(kept=tuple(state))


@pytest.mark.parametrize(
    ('source', 'target', 'message'),
    [
        (
            ['zumba', 'abseiling', 'archery'],
            OTHERS,
            r'only in the source: archery; only in the target: riding a bike$',
        ),
        (
            AUTHORS,
            [*OTHERS, 'yoga'],
            r'only in the source: none; only in the target: yoga$',
        ),
        (
            ['zumba', 'Zumba', 'abseiling'],
            OTHERS,
            r"source_labels must name each class once, got 'zumba' in rows 0",
        ),
        (
            AUTHORS,
            ['abseiling', 'riding a bike', 'riding_a_bike'],
            r"target_labels must name each .*'riding a bike' in rows 1 and 2",
        ),
        (
            ['a', 'b'],
            ['b', 'a'],
            r'one label per row of cls_head\.fc_cls\.weight \(3, 2\), got 2 l',
        ),
    ],
)
def test_lists_that_do_not_fit(
    source: list[str], target: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        permute_head(head(), source, target, PREFIX)


def test_a_string_is_no_list() -> None:
    with pytest.raises(
        TypeError, match=r"source_labels must be a list .*'ab'"
    ):
        permute_head(head(2), 'ab', ['a', 'b'], PREFIX)


@pytest.mark.parametrize('part', ['weight', 'bias'])
def test_no_such_head(part: str) -> None:
    state = head()
    del state[PREFIX + part]
    match = rf"no head 'cls_head\.fc_cls\.': cls_head\.fc_cls\.{part} is miss"
    with pytest.raises(ValueError, match=match):
        permute_head(state, AUTHORS, OTHERS, PREFIX)
