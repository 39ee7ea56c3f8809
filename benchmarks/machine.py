"""What a measurement was made on and with."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import torch

__all__ = ['commit', 'device_name']

ROOT = Path(__file__).parents[1]


def device_name(device: torch.device) -> str:
    """Return the name of the card or the processor."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(':')[1] for line in lines if line[:10] == 'model name']
    return names[0].strip() if names else platform.processor()


def commit() -> str:
    """Return the short hash of the checkout, '-dirty' if it is changed.

    'unknown' outside of a git checkout.
    """
    try:
        name = _git('rev-parse', '--short=10', 'HEAD')
        # Results are written by the measurement itself.
        results = (
            ':!benchmarks/results',
            ':!benchmarks/int8_data',
            ':!benchmarks/learning/results.csv',
            ':!benchmarks/learning/logs',
            ':!configs/runs.csv',
            ':!configs/logs',
            ':!tools/*/results.csv',
        )
        changed = _git('status', '--porcelain', '-uno', *results)
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return f'{name}-dirty' if changed else name


def _git(*words: str) -> str:
    return subprocess.run(
        ['git', '-C', str(ROOT), *words],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
