"""The catalogue of published UniFormer weights.

The rows are in ``zoo.csv`` beside this file. They hold what is published and
nothing else: an empty cell means that it is not stated anywhere. Links are
those of the READMEs of https://github.com/Sense-X/UniFormer (image
classification at commit 52a0415, video classification at f92e423, detection
and segmentation at 541decb, pose at c063904), of mmaction2 1.2.0
(configs/recognition/uniformer) and of mmpose (projects/uniformer at 045c92c
and 9ee9014). Those READMEs give no file names; the names here stand in scripts
and issues of that repository or in code that loads the files. Models whose
README shows a dash in place of a link were never released.

One grammar makes all names; parts are joined by ``_``, words of a part by
``-``::

    [METHOD_]uniformer-MODEL_TRAINING...[_HOST]

Backbones and action models have no METHOD. Their MODEL is a key of
``uniformer_mm.backbones.ARCHS`` with ``-`` for ``_``, then ``dim64`` where the
authors trained it again with that ``head_dim``, then the image size of a light
model. Their TRAINING is the data (``in1k``; ``tl-224``, ``tl-384``: IN-1K with
token labels, at that size; ``k400``, ``sthv2``, ...), then frames x stride (or
frames, if they are spread over the video), then what it started from:
``uniformer-small_tl-384``, ``uniformer-base_sthv2_16_prek600``.

The others are named like their configs: ``mask-rcnn_uniformer-s-h14_1x_coco``.
HOST (mmaction2, mmpose, controlnet) marks a file of somebody else than the
authors.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ['PIXEL_STATISTICS', 'ZOO', 'ZooEntry', 'find_entry']

PIXEL_STATISTICS: Mapping[str, tuple[tuple[float, ...], ...]] = {
    'imagenet': ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    'video': ((114.75,) * 3, (57.375,) * 3),
    '': ((), ()),
}
"""Mean and standard deviation, 0-255, in the order R, G, B."""

HOSTS: Mapping[str, tuple[str, str]] = {
    'https://huggingface.co/Sense-X/': (
        'https://github.com/Sense-X/UniFormer',
        'MIT',  # the model cards say so
    ),
    'https://huggingface.co/lllyasviel/': (
        'https://huggingface.co/lllyasviel/Annotators',
        '',
    ),
    'https://download.openmmlab.com/mmpose/': (
        'https://github.com/open-mmlab/mmpose/tree/main/projects/uniformer',
        '',
    ),
    'https://download.openmmlab.com/mmaction/': (
        'https://github.com/open-mmlab/mmaction2/tree/main/configs/'
        'recognition/uniformer',
        '',
    ),
}
"""Beginning of a url -> the page that names it, the licence it states."""


@dataclass(frozen=True)
class ZooEntry:
    """One published file.

    Attributes:
        name: Our name, by the grammar of this module.
        file_name: As published; '' if it is not stated.
        arch: A key of ``uniformer_mm.models.ARCHS``.
        head_dim: Channels per attention head. Nothing in the file shows it,
            and weights under another value load and are wrong.
        ndim: 2 for images, 3 for videos.
        task: 'backbone' (an IN-1K classifier), 'detection', 'segmentation',
            'pose' or 'action'.
        url: Direct download; '' if there is only a link for browsers.
        sha256: Hexadecimal, in full or the beginning that the host writes in
            the file name; '' if it is not known.
        size: Bytes; 0 if it is not known.
        class_order: Order of the head's classes: 'imagenet', 'coco',
            'ade20k', 'authors' (Kinetics lists of the authors, which are not
            alphabetical), 'mmaction2', 'alphabetical'; '' if it is not known.
        mean: Subtracted from the pixels, 0-255, in the order R, G, B; () if
            it is not stated.
        std: The pixels are then divided by it; () if it is not stated.
        token_labeling: Trained with token labels: the file has an
            ``aux_head``, and its accuracy includes it.
        layer_scale: Initial gain of all residual branches where the file has
            gains that ``arch`` has not; else 0.
        source: Page that offers the file to a browser.
        license: Licence that the publisher states for the weights; '' if
            none.
        note: What else must be known to use the file.
    """

    name: str
    file_name: str
    arch: str
    head_dim: int
    ndim: int
    task: str
    url: str
    sha256: str
    size: int
    class_order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    token_labeling: bool
    layer_scale: float
    source: str
    license: str
    note: str

    @property
    def tested_as(self) -> str:
        """Task of the paper's result for it: backbones are classifiers."""
        return 'classification' if self.task == 'backbone' else self.task

    @property
    def local_name(self) -> str:
        """File name on a disk: as published, else our name and ``.pth``."""
        return self.file_name or f'{self.name}.pth'


def _read(path: Path) -> Iterator[ZooEntry]:
    with path.open(newline='', encoding='utf-8') as file:
        for row in csv.DictReader(file):
            page, licence = next(
                (
                    value
                    for start, value in HOSTS.items()
                    if row['url'].startswith(start)
                ),
                ('', ''),
            )
            if row['drive']:
                page = f'https://drive.google.com/file/d/{row["drive"]}/view'
            mean, std = PIXEL_STATISTICS[row['norm']]
            yield ZooEntry(
                name=row['name'],
                file_name=row['file_name'],
                arch=row['arch'],
                head_dim=int(row['head_dim']),
                ndim=3 if row['task'] == 'action' else 2,
                task=row['task'],
                url=row['url'],
                sha256=row['sha256'],
                size=int(row['size'] or 0),
                class_order=row['class_order'],
                mean=mean,
                std=std,
                token_labeling=row['token_labeling'] == 'yes',
                layer_scale=float(row['layer_scale'] or 0),
                source=page,
                license=licence,
                note=row['note'],
            )


ZOO: Mapping[str, ZooEntry] = {
    entry.name: entry for entry in _read(Path(__file__).with_name('zoo.csv'))
}


def find_entry(source: str, sha256: str | None = None) -> ZooEntry | None:
    """Return what is known of a file, None if nothing is.

    The hash decides if it is in the catalogue. Then our name, the url and the
    file name (of a path or a URL) are tried, and entries with another hash are
    left out.

    Args:
        source: A name of ``ZOO``, a URL, a path or a file name.
        sha256: Hash of the content, in full, if it was computed.

    Raises:
        ValueError: ``sha256`` is not 64 hexadecimal digits; or several entries
            share the file name and differ in what the weights are.
    """
    entries = list(ZOO.values())
    if sha256 is not None:
        digest = sha256.lower()
        if not re.fullmatch('[0-9a-f]{64}', digest):
            raise ValueError(
                f'sha256 must be 64 hexadecimal digits, got {sha256!r}'
            )
        for entry in entries:
            if entry.sha256 and digest.startswith(entry.sha256):
                return entry
        entries = [entry for entry in entries if not entry.sha256]
    for entry in entries:
        if source and source in (entry.name, entry.url):
            return entry
    path = unquote(urlsplit(source).path) if '://' in source else source
    file_name = re.split(r'[/\\]', path)[-1]
    found = [entry for entry in entries if entry.local_name == file_name]
    if len({_content(entry) for entry in found}) > 1:
        choices = ', '.join(
            f'{e.name} ({e.arch}, head_dim {e.head_dim}, {e.task})'
            for e in found
        )
        raise ValueError(
            f'{file_name!r} is the file name of several models: {choices}. '
            'Rename the file to the name of its model and .pth'
        )
    return found[0] if found else None


def _content(entry: ZooEntry) -> tuple[object, ...]:
    """What two copies of the same weights agree in."""
    return (
        entry.arch,
        entry.head_dim,
        entry.ndim,
        entry.task,
        entry.class_order,
        entry.token_labeling,
        entry.layer_scale,
    )
