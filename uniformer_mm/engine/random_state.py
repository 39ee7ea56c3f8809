"""The random state of a process: python's, NumPy's and torch's together."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

__all__ = ['get_random_state', 'seed_at', 'set_random_state']


def seed_at(*place: int) -> None:
    """Seed everything in this process from a place alone.

    Args:
        place: Numbers >= 0, such as seed, rank and iteration. Other numbers,
            in any of these, give streams that have nothing in common.
    """
    first, second, *rest = np.random.SeedSequence(place).generate_state(8)
    random.seed(int(first) << 32 | int(second))
    np.random.seed(rest[:4])
    number = int(rest[4]) << 32 | int(rest[5])
    # Not torch.manual_seed: where CUDA is not in use, it takes longer than to
    # decode a small picture.
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(number)


def get_random_state() -> dict[str, Any]:
    """Return the state, as tensors and plain data.

    The keys are 'python', 'numpy', 'torch', and 'cuda' with a state per
    device where CUDA is in use.
    """
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    version, numbers, gauss = random.getstate()
    numpy_state: Any = np.random.get_state(legacy=True)
    kind, keys, *rest = numpy_state
    return {
        'python': (version, list(numbers), gauss),
        'numpy': (kind, torch.from_numpy(keys.astype(np.int64)), *rest),
        'torch': torch.get_rng_state(),
        'cuda': torch.cuda.get_rng_state_all() if in_use else [],
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Go back to a state of ``get_random_state``.

    States of more devices than there are are left out.
    """
    version, numbers, gauss = state['python']
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, *rest = state['numpy']
    np.random.set_state((kind, keys.numpy(), *rest))
    torch.set_rng_state(state['torch'])
    devices = range(torch.cuda.device_count())
    for device, one in zip(devices, state['cuda'], strict=False):
        torch.cuda.set_rng_state(one, device)
