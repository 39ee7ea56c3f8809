"""Deterministic tensors for the golden cases in this folder.

Every parameter, buffer and input of a golden case is drawn from a generator that
is seeded by its own name, so no weights need to be stored: two implementations
whose state dicts have the same keys and shapes get the same numbers.
"""

import hashlib

import numpy as np


def draw(name: str, shape) -> np.ndarray:
    """Standard-normal float32 array of ``shape``, fixed by ``name`` alone."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], 'little')
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.standard_normal(tuple(shape), dtype=np.float64).astype(
        np.float32
    )


def value_for(key: str, shape) -> np.ndarray:
    """The golden value of state-dict entry ``key``: float32 (int64 for counters)."""
    shape = tuple(shape)
    if key.endswith('num_batches_tracked'):
        return np.zeros(shape, np.int64)
    z = draw(key, shape)
    if key.endswith('running_var'):
        return (0.5 + np.abs(z)).astype(np.float32)
    if key.endswith('running_mean'):
        return (0.1 * z).astype(np.float32)
    if 'gamma_' in key:
        return (0.3 + 0.05 * z).astype(np.float32)
    if len(shape) <= 1:  # norm weight, or any bias
        return ((1.0 if key.endswith('weight') else 0.0) + 0.1 * z).astype(
            np.float32
        )
    if key.endswith('cls_token'):
        return (0.5 * z).astype(np.float32)
    fan_in = int(np.prod(shape[1:]))
    return (z / np.sqrt(fan_in)).astype(np.float32)


def fill_(module) -> None:
    """Overwrite every entry of ``module.state_dict()`` (a torch module) in place."""
    import torch

    state = module.state_dict()
    module.load_state_dict(
        {
            k: torch.from_numpy(value_for(k, v.shape)).to(v.dtype)
            for k, v in state.items()
        }
    )


def sample_indices(numel: int, count: int = 1024) -> np.ndarray:
    """Flat indices at which a golden output is sampled."""
    return np.unique(
        np.linspace(0, numel - 1, num=min(count, numel)).astype(np.int64)
    )
