"""Packages that some models of the hosts need, and that no host declares."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

__all__ = ['EXTRA', 'UNDECLARED', 'Package', 'missing_in', 'wanted']

EXTRA = 'stock'
"""The extra of uniformer_mm that installs those which PyPI has."""


@dataclass(frozen=True)
class Package:
    """One of them.

    Attributes:
        module: What is imported.
        name: What pip calls it, or where it is to be had.
        models: What needs it.
        symptom: Regular expression of what else the errors for want of it say
            than the name of the module.
        on_pypi: Whether our extra brings it.
    """

    module: str
    name: str
    models: str
    symptom: str = '(?!)'
    on_pypi: bool = True


UNDECLARED = (
    Package('sklearn', 'scikit-learn', 'PAA and LAD of mmdet'),
    Package('skimage', 'scikit-image', 'BoxInst of mmdet'),
    Package(
        'fairscale',
        'fairscale',
        'MM Grounding DINO of mmdet, ED-Pose of mmpose',
    ),
    Package(
        'transformers',
        'transformers',
        'GLIP and Grounding DINO of mmdet, VindLU of mmaction2',
        r'mmaction2\[multimodal\]',
    ),
    Package('nltk', 'nltk', 'GLIP of mmdet'),
    Package(
        'mmpretrain',
        'mmpretrain',
        'ConvNeXt, PoolFormer, ViTPose, timm and re-identification of mmdet, '
        'mmseg and mmpose',
    ),
    Package('motmetrics', 'motmetrics', 'SORT and StrongSORT of mmdet'),
    Package('lap', 'lap', 'ByteTrack and OC-SORT of mmdet'),
    Package('lmdb', 'lmdb', 'long-term feature banks of mmaction2'),
    Package('clip', 'openai-clip', 'CLIP4Clip of mmaction2'),
    Package(
        'detectron2',
        'detectron2 (github.com/facebookresearch/detectron2)',
        'the wrapper of Detectron2 models of mmdet',
        'Detectron2',
        on_pypi=False,
    ),
    Package(
        'ldm',
        'latent-diffusion (github.com/CompVis/latent-diffusion)',
        'VPD of mmseg',
        'VPD model',
        on_pypi=False,
    ),
)
# Errors for want of a package; hosts raise others where they caught the first.
KINDS = (
    AssertionError,
    ImportError,
    KeyError,
    NotImplementedError,
    RuntimeError,
)


def wanted(installed: Collection[str]) -> list[str]:
    """Packages of our extra that are not there, and what wants them."""
    return [
        f'{package.name} ({package.models})'
        for package in UNDECLARED
        if package.on_pypi and package.name not in installed
    ]


def missing_in(error: BaseException) -> Package | None:
    """The package for want of which there is an error, if that is so.

    Errors that it was raised from, or meanwhile, are looked at too.
    """
    missing = [p for p in UNDECLARED if find_spec(p.module) is None]
    for text in _texts(error):
        for package in missing:
            if re.search(rf'\b{package.module}\b|{package.symptom}', text):
                return package
    return None


def _texts(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        if isinstance(error, KINDS):
            yield str(error)
        error = error.__cause__ or error.__context__
