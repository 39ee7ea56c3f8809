"""Files of torch's own: exported programs and TorchScript."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from uniformer_mm.runtimes.card import NAME, Card

__all__ = ['write_program', 'write_script']


def write_program(program: ExportedProgram, card: Card, path: Path) -> None:
    """Write what ``torch.export.load`` reads."""
    texts = {NAME: json.dumps(card.to_texts())}
    torch.export.save(program, path, extra_files=texts)


def write_script(
    network: nn.Module, example: Tensor, card: Card, path: Path
) -> None:
    """Write what ``torch.jit.load`` reads, in C++ too but for detectors.

    Raises:
        ValueError: torch can't trace the network.
    """
    texts = {NAME: json.dumps(card.to_texts())}
    try:
        with torch.no_grad():
            # What it would check, the report checks, at other sizes too.
            traced = torch.jit.trace(  # type: ignore[no-untyped-call]
                network, example, check_trace=False
            )
    except Exception as error:  # torch raises many kinds
        raise ValueError(
            "torch.jit can't trace this model: "
            f'{str(error).strip().splitlines()[0]}'
        ) from error
    torch.jit.save(traced, str(path), _extra_files=texts)
