"""Resuming, and stopping, in two processes that train together."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed

from tests.support.tiny_training import (
    Numbers,
    equal,
    tiny_config,
    train,
    weights,
)
from uniformer_mm.engine import NonFiniteError


def on_rank(rank: int, folder: Path, work_dir: str, changes: Any) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meet', rank=rank, world_size=2
    )
    config = tiny_config(folder / work_dir, **changes)
    config['default_hooks']['checkpoint']['max_keep_ckpts'] = -1
    config['launcher'] = 'pytorch'
    on_a_cpu = {'type': 'MMDistributedDataParallel', 'device_ids': None}
    config['cfg'] = {'model_wrapper_cfg': on_a_cpu}
    config['env_cfg'] = {'dist_cfg': {'backend': 'gloo'}}
    try:
        torch.save(weights(train(config)), folder / f'{work_dir}_{rank}.pt')
    except NonFiniteError as error:
        (folder / f'{work_dir}_{rank}.txt').write_text(str(error))
    distributed.destroy_process_group()


def on_two_ranks(folder: Path, work_dir: str, **changes: Any) -> None:
    (folder / 'meet').unlink(missing_ok=True)
    context = multiprocessing.get_context('fork')
    arguments = (folder, work_dir, changes)
    ranks = [
        context.Process(target=on_rank, args=(rank, *arguments))
        for rank in (0, 1)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(120)
    assert [rank.exitcode for rank in ranks] == [0, 0]


def test_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('LOCAL_RANK', '0')
    on_two_ranks(tmp_path, 'whole')
    first = tmp_path / 'whole' / 'epoch_1.pth'
    on_two_ranks(tmp_path, 'again', resume=True, load_from=str(first))
    for rank in (0, 1):
        whole, again = (
            torch.load(tmp_path / f'{name}_{rank}.pt', weights_only=True)
            for name in ('whole', 'again')
        )
        assert equal(again, whole)


def test_both_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('LOCAL_RANK', '0')
    loader = tiny_config(tmp_path)['train_dataloader']
    loader['dataset'] = Numbers({5: float('nan')})
    on_two_ranks(tmp_path, 'bad', train_dataloader=loader)
    told = [(tmp_path / f'bad_{rank}.txt').read_text() for rank in (0, 1)]
    found = ['the input itself: batch.x' in text for text in told]
    assert sorted(found) == [False, True]  # of the rank that had it
    assert 'pictures/5.jpg' in told[found.index(True)]
