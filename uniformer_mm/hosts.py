"""The frameworks of OpenMMLab that our configs are for, and our extras."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from uniformer_mm import undeclared
from uniformer_mm.doctor.advice import advise

__all__ = [
    'EXTRAS',
    'HOSTS',
    'TASK_HOSTS',
    'Host',
    'advice',
    'host_of',
    'import_extra',
]


@dataclass(frozen=True)
class Host:
    """One framework.

    Attributes:
        module: What is imported, what ``mim train`` takes, the
            ``default_scope`` of its configs, and its name in what people
            read.
        distribution: What pip calls it.
        extra: The extra of uniformer_mm that installs it.
        folder: Folder of our configs for it.
        axes: Axes of its models' inputs, after batch and channels.
    """

    module: str
    distribution: str
    extra: str
    folder: str
    axes: tuple[str, ...] = ('H', 'W')


HOSTS: Mapping[str, Host] = {
    host.module: host
    for host in (
        Host('mmdet', 'mmdet', 'det', 'detection'),
        Host('mmseg', 'mmsegmentation', 'seg', 'segmentation'),
        Host('mmpose', 'mmpose', 'pose', 'pose'),
        Host('mmaction', 'mmaction2', 'action', 'action', ('T', 'H', 'W')),
        Host('mmpretrain', 'mmpretrain', 'cls', 'classification'),
    )
}
"""Module -> host."""

TASK_HOSTS: Mapping[str, str] = {
    host.folder: host.module for host in HOSTS.values()
}
"""Task, which is the name of a folder -> module of its host."""


def host_of(config: Mapping[str, Any]) -> Host:
    """Return the host of a config.

    Raises:
        ValueError: Its ``default_scope`` names none.
    """
    scope = config.get('default_scope')
    if not isinstance(scope, str) or scope not in HOSTS:
        raise ValueError(
            f'default_scope of a config must be one of {list(HOSTS)}, got '
            f'{scope!r}: set it, it says which host builds the model'
        )
    return HOSTS[scope]


EXTRAS: Mapping[str, str] = {
    **{
        package.module: undeclared.EXTRA
        for package in undeclared.UNDECLARED
        if package.on_pypi
    },
    # A host that others want too is installed by its own extra.
    'mmcv': 'lite',
    **{host.module: host.extra for host in HOSTS.values()},
    'timm': 'action',
    'PIL': 'action',
    'mim': 'mim',
    'safetensors': 'weights',
    'huggingface_hub': 'hub',
    'supervision': 'supervision',
    'gradio': 'serve',
    'onnx': 'export',
    'onnxruntime': 'export',
    'onnxscript': 'export',
    'openvino': 'openvino',
    'nncf': 'int8',
    'deepspeed': 'deepspeed',
    'sphinx': 'docs',
}
"""Module -> the extra of uniformer_mm that installs it."""

# Extras that are told by their packages, whose modules have the same names: of
# an extra pip also installs what MMEngine declares, so that opencv-python
# overwrites a headless one, which needs no libGL.
ALONE = ('weights', 'hub', 'serve', 'export', 'openvino', 'int8')


def advice(modules: Iterable[str]) -> str:
    """Say how to install those of the modules that are missing.

    Args:
        modules: Their names.

    Returns:
        str: ``''`` if all are there.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if not missing:
        return ''
    extras = dict.fromkeys(EXTRAS[m] for m in missing if m in EXTRAS)
    how = f'; {_installing(extras)}' if extras else ''
    return f'not installed: {", ".join(missing)}{how}'


def _installing(extras: Collection[str]) -> str:
    joined = ','.join(extra for extra in extras if extra not in ALONE)
    names = [f"'uniformer_mm[{joined}]'"] if joined else []
    names += [
        module
        for module, extra in EXTRAS.items()
        if extra in ALONE and extra in extras
    ]
    return f'pip install {" ".join(names)}'


def import_extra(module: str) -> Any:
    """Import a module that only an extra of ours brings.

    Args:
        module: A key of ``EXTRAS``, or what lies below one.

    Raises:
        ImportError: It is not installed, or it is and fails; the message says
            which, and names the extra, or the fix that is known.
    """
    top = module.partition('.')[0]
    try:
        return import_module(module)
    except Exception as error:
        known = advise(error)
        # Hosts raise all kinds of errors over an installation that is broken.
        if not known and not isinstance(error, ImportError):
            raise
        what = advice([top]) or (
            f'{top} is installed, but this fails ({error}): '
            + (
                known
                or 'see `uniformer-mm doctor`, or '
                + _installing([EXTRAS[top]])
            )
        )
        raise ImportError(f'{module} is needed here; {what}') from error
