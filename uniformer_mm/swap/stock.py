"""What is swapped: a config by name, path or object, and its backbone."""

from __future__ import annotations

import copy
import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine import Config

from uniformer_mm.hosts import HOSTS, host_of, import_extra

__all__ = [
    'Stock',
    'TiedBackboneError',
    'find_stock',
    'owner_of_backbone',
    'path_of',
]

# Type of a model or backbone -> why no image backbone can take its place.
TIED = {
    'BaseReID': 'it is a classifier of crops, built by mmpretrain',
    'RecognizerGCN': 'its input is skeletons, not pixels',
    'RecognizerAudio': 'its input is sound, not pixels',
    'RecognizerOmni': 'its backbone takes pictures and clips by turns',
    'PoseLifter': 'its input is keypoints, not pixels',
    'SSDVGG': 'the neck of SSD wants the channels of VGG',
    'TANet': 'its temporal modules are in the backbone; swap a config of tsn',
    **dict.fromkeys(
        ('MobileNetV2TSM', 'MobileOneTSM', 'ResNetTIN', 'ResNetTSM'),
        'the backbone itself shifts features in time; swap a config of tsn',
    ),
    **dict.fromkeys(
        (
            'BiSeNetV1',
            'BiSeNetV2',
            'CGNet',
            'DDRNet',
            'ERFNet',
            'FastSCNN',
            'ICNet',
            'PIDNet',
            'STDCContextPathNet',
            'UNet',
            'VPD',
        ),
        'it is a whole segmentation network, not a backbone under a head; '
        'swap a config of upernet, sem_fpn or segformer',
    ),
}
# Beside the backbone that is swapped: of another model, with its own weights.
KEEPS = ('.reid', '.teacher_backbone')


class TiedBackboneError(ValueError):
    """A model can't have another backbone; the message says why."""


@dataclass(frozen=True)
class Stock:
    """A config that is to be swapped.

    Attributes:
        config: As resolved; a copy.
        host: A key of ``HOSTS``.
        base: What ``_base_`` names it by: ``mmdet::...`` or an absolute path;
            '' if it was made in memory.
    """

    config: Config
    host: str
    base: str


def find_stock(source: Any) -> Stock:
    """Read a config of a host.

    Args:
        source (Config | str | PathLike): A config, the path of one, or a name
            such as ``mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py``.

    Raises:
        FileNotFoundError: There is no such file; the message has the nearest.
        ImportError: The host is not installed.
        TypeError: ``source`` is none of these.
        ValueError: It does not say of which host it is, or has no model.
    """
    if isinstance(source, Config):
        config, path = source, source.filename
    elif isinstance(source, (str, os.PathLike)):
        path = str(path_of(os.fspath(source)))
        config = _read(path)
    else:
        raise TypeError(
            'cfg must be a Config, a path, or a name such as '
            f"'mmdet::yolox/yolox_s_8xb8-300e_coco.py', got {source!r}"
        )
    host = host_of(config).module
    import_extra(host)
    if not isinstance(config.get('model'), dict):
        raise ValueError(f'{path or "the config"} has no model = dict(...)')
    return Stock(copy.deepcopy(config), host, _base_name(path) if path else '')


def _read(path: str) -> Config:
    try:
        # What else it imports may be for its own backbone alone.
        return Config.fromfile(path, import_custom_modules=False)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path} can't be read: {error}") from error


def path_of(name: str) -> Path:
    """Where a config is that is named by a path or ``HOST::PATH``.

    Raises:
        FileNotFoundError: There is no such file; the message has the nearest.
        ImportError: The host is not installed.
        ValueError: There is no such host.
    """
    host, mark, rest = name.partition('::')
    if mark and host not in HOSTS:
        raise ValueError(
            f'unknown host {host!r} in {name!r}; choose one of {list(HOSTS)}'
        )
    if not mark:
        if not Path(name).is_file():
            raise FileNotFoundError(
                f'no config {name!r}; stock ones are named as '
                "'mmdet::yolox/yolox_s_8xb8-300e_coco.py'"
            )
        return Path(name).resolve()
    import_extra(host)
    root = _root(host)
    if not (root / rest).is_file():
        known = [p.relative_to(root).as_posix() for p in root.rglob('*.py')]
        near = difflib.get_close_matches(rest, known, 3, 0.4)
        raise FileNotFoundError(f'no config {rest!r} in {host}; near: {near}')
    return root / rest


def _root(host: str) -> Path:
    """Folder of a host's configs, in a wheel or in a checkout."""
    spec = find_spec(host)
    package = Path(str(spec.origin)).parent if spec else Path()
    wheel = package / '.mim/configs'
    return wheel if wheel.is_dir() else package.parent / 'configs'


def _base_name(path: str) -> str:
    file = Path(path).resolve()
    for host in HOSTS:
        if find_spec(host) and file.is_relative_to(_root(host)):
            return f'{host}::{file.relative_to(_root(host)).as_posix()}'
    return str(file)


def owner_of_backbone(model: Any) -> tuple[Any, list[str]]:
    """Find the part of a model that holds the backbone, and what to say of it.

    Returns:
        tuple: The dict with the key ``backbone``, and notes.

    Raises:
        TiedBackboneError: There is none, or more than one, or one that the
            model is made of.
    """
    kind = _short(model.get('type'))
    owners = dict(_owners(model, 'model'))
    notes = []
    for path in [p for p in owners if p.endswith(KEEPS)][: len(owners) - 1]:
        del owners[path]
        notes.append(f'{path} stays as it is')
    types = [kind, *(_short(o['backbone']['type']) for o in owners.values())]
    for name in types:
        if name in TIED:
            raise TiedBackboneError(f'{name} is tied: {TIED[name]}')
    if len(owners) != 1:
        found = ', '.join(owners) or 'none'
        raise TiedBackboneError(
            f'{kind} must have one backbone to swap, has: {found}'
        )
    ((path, owner),) = owners.items()
    if path != 'model':
        notes.append(f'the backbone is {path}.backbone')
    return owner, notes


def _owners(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        backbone = part.get('backbone')
        if isinstance(backbone, dict) and 'type' in backbone:
            yield path, part
        for key, value in part.items():
            if key.endswith('_backbone') and isinstance(value, dict):
                yield f'{path}.{key}', {'backbone': value}
            elif key not in ('backbone', 'train_cfg', 'test_cfg'):
                yield from _owners(value, f'{path}.{key}')
    elif isinstance(part, (list, tuple)):
        for i, value in enumerate(part):
            yield from _owners(value, f'{path}[{i}]')


def _short(kind: Any) -> str:
    """Name of a type without its scope."""
    return str(getattr(kind, '__name__', kind)).rpartition('.')[2]
