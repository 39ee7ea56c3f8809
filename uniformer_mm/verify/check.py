"""Build what the paper tested, with its weights, and test it.

Which configs and figures belong to a file is told by results.csv of the
folders of configs, which the tables are written from, and by nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine import Config
from torch import Tensor

from uniformer_mm.analysis import count_complexity
from uniformer_mm.configs import config_root, results_of_weights
from uniformer_mm.predict.host_model import HostModel
from uniformer_mm.verify.host_test import point_at, require_layout, run_test
from uniformer_mm.verify.metrics import METRICS
from uniformer_mm.weights.steps import permute_head
from uniformer_mm.weights.zoo import PIXEL_STATISTICS, ZOO, ZooEntry

__all__ = ['Finding', 'verify']

# The paper rounds to one decimal; decoders of pictures differ by a level.
TOLERANCE = 0.1
SHARE = 0.02  # of parameters and FLOPs, for what counters count besides
HEADS = {'action': ('cls_head.fc_cls.', 'neck.head_cls.')}
Labels = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True)
class Finding:
    """One figure of the paper, and what came out.

    Attributes:
        config (str): Name of the config it belongs to.
        what (str): 'parameters (M)', 'FLOPs (G)' or a metric; behind a comma
            what was chosen where the paper is silent.
        paper (float): Its figure, in percent or as ``what`` says.
        measured (float | None): Ours; None if it was not tested.
        tolerance (float): How far they may be apart.
    """

    config: str
    what: str
    paper: float
    measured: float | None
    tolerance: float

    @property
    def verdict(self) -> str:
        """'right', 'wrong' or 'not tested'."""
        if self.measured is None:
            return 'not tested'
        # Both are decimals: their difference may be a hair more.
        near = abs(self.measured - self.paper) <= self.tolerance + 1e-9
        return 'right' if near else 'wrong'


def verify(
    name: str,
    data: Path | None = None,
    *,
    device: str = 'cpu',
    labels: Labels | None = None,
    options: dict[str, Any] | None = None,
) -> Iterator[Finding]:
    """Check a published file against the paper.

    It is fetched, read and recognised, compared with the catalogue, and loaded
    strictly into the model of each config that the paper tested it with. With
    ``data`` the host's test runs. Where the pixel statistics are not stated,
    it runs with each that is known.

    Args:
        name: Of the catalogue.
        data: Folder of the data set, as the config has it below
            ``data_root``; None tests nothing.
        device: Such as 'cpu' or 'cuda:0'.
        labels: Class names in the order of the file and in that of the data
            set, where these differ (Kinetics).
        options: Changes of the config, by dotted keys.

    Yields:
        Finding: One figure after the other.

    Raises:
        FileNotFoundError, OSError: The file or the data are not there.
        ImportError: The host is not installed.
        ValueError: Unknown name, no result of the paper, or a file that is
            another model or does not fit.
    """
    if name not in ZOO:
        raise ValueError(
            f'unknown name {name!r}; `uniformer-mm weights` lists them'
        )
    entry = ZOO[name]
    task = entry.tested_as
    rows = results_of_weights(name, task)
    if not rows:
        raise ValueError(f'the paper reports nothing of {name} for {task}')
    if data is not None and not data.is_dir():
        raise FileNotFoundError(f'data: there is no folder {data}')
    if data is not None and entry.class_order == 'authors' and labels is None:
        raise ValueError(
            f'the classes of {name} are in an order of its authors: give '
            'labels, their list and that of the data set '
            '(`--labels FROM TO`), or every class counts as wrong'
        )
    for row in rows:
        yield from _verify_row(entry, row, data, device, labels, options)


def _verify_row(
    entry: ZooEntry,
    row: dict[str, str],
    data: Path | None,
    device: str,
    labels: Labels | None,
    options: dict[str, Any] | None,
) -> Iterator[Finding]:
    task, name = entry.tested_as, row['config']
    config = Config.fromfile(config_root() / task / f'{name}.py')
    config.merge_from_dict(options or {})
    if data is not None:
        point_at(config, data)
        require_layout(config, data, name)
    host = HostModel(
        task,
        config,
        entry.name,
        device='cpu',
        precision='fp32',
        ema=None,
        progress=True,
    )
    if row['params_m'] or row['flops_g']:
        yield from _compare_complexity(config, row)
    wanted = {m: key for m, key in METRICS[task].items() if row[m]}
    if data is None:
        for metric in wanted:
            yield Finding(name, metric, float(row[metric]), None, TOLERANCE)
        return
    state = host.model.state_dict()
    if labels is not None:
        state = _permuted(state, task, labels)
    for suffix, tested in _variants(entry, config):
        measured = run_test(tested, state, device)
        for metric, (key, percent) in wanted.items():
            yield Finding(
                name,
                metric + suffix,
                float(row[metric]),
                percent * float(measured[key]),
                TOLERANCE,
            )


def _compare_complexity(
    config: Config, row: dict[str, str]
) -> Iterator[Finding]:
    counted = count_complexity(config)
    for what, column, number in (
        ('parameters (M)', 'params_m', counted.params / 1e6),
        ('FLOPs (G)', 'flops_g', counted.macs / 1e9),
    ):
        if row[column]:
            paper = float(row[column])
            allowed = SHARE * paper + _rounding(row[column])
            yield Finding(row['config'], what, paper, number, allowed)


def _permuted(
    state: dict[str, Tensor], task: str, labels: Labels
) -> dict[str, Tensor]:
    """Put the rows of heads into the order of the data set's classes."""
    ours, wanted = labels
    for prefix in HEADS.get(task, ()):
        if f'{prefix}weight' in state:
            state, _ = permute_head(state, ours, wanted, prefix)
    return state


def _rounding(text: str) -> float:
    return 0.5 * 10 ** -len(text.partition('.')[2])


def _variants(entry: ZooEntry, config: Config) -> Iterator[tuple[str, Config]]:
    """Yield the config, or one for each of the known pixel statistics."""
    if entry.mean or entry.tested_as != 'classification':
        yield '', copy.deepcopy(config)
        return
    for name, (mean, std) in (
        ('ImageNet', PIXEL_STATISTICS['imagenet']),
        ('127.5', ((127.5,) * 3, (127.5,) * 3)),
    ):
        variant = copy.deepcopy(config)
        variant.model.data_preprocessor.update(mean=[*mean], std=[*std])
        yield f', mean and std {name}', variant
