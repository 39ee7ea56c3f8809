"""Two processes give the gradients of one with the joint batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from tests.support.models import (
    assert_same_gradients,
    build,
    random_input,
    random_loss,
)


def work(rank: int, folder: str, kind: str, with_cp: bool) -> None:
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/meet', rank=rank, world_size=2
    )
    # Batch norm sees half of the batch in each process: keep it in eval mode.
    model = build(kind, norm_eval=True, with_cp=with_cp)
    # It does not look for unused parameters: one would hang or raise here.
    parallel = DistributedDataParallel(model)
    for _ in range(2):
        model.zero_grad()
        half = random_input(kind, 4, 64, 64).chunk(2)[rank]
        random_loss(parallel(half)).backward()
    if rank == 0:
        grads = {n: p.grad for n, p in model.named_parameters()}
        torch.save(grads, Path(folder, 'grads.pth'))
    dist.destroy_process_group()


@pytest.mark.parametrize(
    ('kind', 'with_cp'),
    [('image', False), ('image', True), ('split', False), ('light', False)],
)
def test_gradients_of_two_processes(
    kind: str, with_cp: bool, tmp_path: Path
) -> None:
    mp.spawn(work, (str(tmp_path), kind, with_cp), nprocs=2)
    grads = torch.load(tmp_path / 'grads.pth', weights_only=True)
    model = build(kind, norm_eval=True)
    random_loss(model(random_input(kind, 4, 64, 64))).backward()
    other = build(kind, norm_eval=True)
    for name, parameter in other.named_parameters():
        parameter.grad = grads[name]
    assert_same_gradients(other, model)
