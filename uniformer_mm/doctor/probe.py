"""Use modules once, and answer on stdout how it went.

Usage: python PATH/TO/probe.py MODULE ...

A program of its own, started by ``facts`` by its path: a module that crashes
takes this process with it and no other, and whether ``uniformer_mm`` itself
can be imported is one of the questions. For each module, in the order given,
a line of JSON is written when its turn is over.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

__all__ = ['MARK', 'answer']

MARK = '{"module":'
"""What a line of ours begins with; modules may print others."""


def _use_torch() -> str:
    """Compute on the device that there is; return CUDA version and card."""
    import torch

    on_gpu = torch.cuda.is_available()
    torch.ones(2, device='cuda' if on_gpu else 'cpu').sum().item()
    if not on_gpu:
        return ''
    return f'CUDA {torch.version.cuda}, {torch.cuda.get_device_name()}'


def _use_mmengine() -> None:
    """Do what a config with ``_base_ = 'mmdet::...'`` needs."""
    import mmengine

    mmengine.utils.is_installed('mmengine')


def _use_mmcv() -> None:
    """Suppress boxes, on the GPU too if there is one."""
    import mmcv.ops
    import torch

    for device in ('cpu', 'cuda')[: 1 + torch.cuda.is_available()]:
        boxes = torch.tensor(
            [[0.0, 0, 9, 9], [0, 0, 9, 8], [20, 20, 29, 29]], device=device
        )
        scores = torch.tensor([0.9, 0.8, 0.7], device=device)
        kept = mmcv.ops.nms(boxes, scores, 0.5)[1].tolist()
        if kept != [0, 2]:
            raise ValueError(f'nms on {device} keeps {kept}, not [0, 2]')


def _use_uniformer_mm() -> None:
    """Read a checkpoint that holds a type of MMEngine."""
    import torch
    from mmengine.logging import HistoryBuffer

    file = io.BytesIO()
    torch.save({'message_hub': HistoryBuffer([0.5], [1])}, file)
    file.seek(0)
    torch.load(file)  # nosec B614: written right above


USES: dict[str, Callable[[], str | None]] = {
    'torch': _use_torch,
    'mmengine': _use_mmengine,
    'mmcv': _use_mmcv,
    'uniformer_mm': _use_uniformer_mm,
}
"""Package -> function that uses it, where its import proves too little."""


def answer(module: str) -> dict[str, object]:
    """Import and use a module.

    Returns:
        dict[str, object]: ``module``; ``error``, '' if it works; ``missing``,
            whether there is none of that name; ``told``, what its use
            returns; ``replaced``, the modules in this process that are files
            of ours under another's name.
    """
    package = module.partition('.')[0]
    reply: dict[str, object] = {'module': module, 'error': ''}
    missing = None
    try:
        import_module(module)
        if package in USES:
            reply['told'] = USES[package]()
    except BaseException as error:
        reply['error'] = f'{type(error).__name__}: {error}'
        if isinstance(error, ModuleNotFoundError):
            missing = error.name
    # Loaded by torch, and by nothing else, where it can supply modules.
    autoload = sys.modules.get('uniformer_mm_autoload')
    files = {
        name: getattr(sys.modules.get(name), '__file__', None)
        for name in (autoload.REPLACEMENTS if autoload else ())
    }
    ours = [
        n for n, f in files.items() if f and Path(f).parent.name == 'compat'
    ]
    return {**reply, 'missing': missing == package, 'replaced': ours}


def main() -> None:
    """Answer for each module; see the module docstring."""
    here = str(Path(__file__).parent)
    # Neither this folder nor the current one, as for an installed command.
    sys.path[:] = [path for path in sys.path if path not in ('', here)]
    for module in sys.argv[1:]:
        sys.stdout.write(f'\n{json.dumps(answer(module))}\n')
        sys.stdout.flush()


if __name__ == '__main__':
    main()
