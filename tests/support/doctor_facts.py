"""Facts of a healthy environment, and of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from uniformer_mm.doctor.facts import MODULES, Facts
from uniformer_mm.undeclared import UNDECLARED
from uniformer_mm_autoload import REPLACEMENTS

HEALTHY = Facts(
    python='3.11.7',
    versions={
        'torch': '2.9.1',
        'torchvision': '0.24.1',
        'mmcv-lite': '2.1.0',
        'mmdet': '3.3.0',
        'mmsegmentation': '1.2.2',
        'mmpose': '1.3.2',
        'mmaction2': '1.2.0',
        'xtcocotools': '1.14.3',
        'openmim': '0.3.9',
        'click': '8.5.1',
        'albumentations': '1.4.24',
        **{package.name: '1.0' for package in UNDECLARED},
        'mmpretrain': '1.2.0',  # a host, too
    },
    errors=dict.fromkeys(MODULES, ''),
    replaced=tuple(n for n in REPLACEMENTS if n != 'xtcocotools._mask'),
    gpu='CUDA 12.8, a card',
)
NO_OPS = "ModuleNotFoundError: No module named 'mmcv._ext'"
OFF = {'UNIFORMER_MM_COMPAT': '0'}
DRN = 'mmaction.models.localizers.drn'
COMPILED = {'mmcv': '2.1.0'}


def facts_but(
    errors: Mapping[str, str] | None = None,
    versions: Mapping[str, str] | None = None,
    drop: tuple[str, ...] = (),
    **changes: Any,
) -> Facts:
    """Return the healthy facts, changed; ``drop`` is not installed."""
    merged = {**HEALTHY.versions, **(versions or {})}
    tried = {**HEALTHY.errors, **(errors or {})}
    return replace(
        HEALTHY,
        versions={k: v for k, v in merged.items() if k not in drop},
        errors={k: v for k, v in tried.items() if k not in drop},
        **changes,
    )
