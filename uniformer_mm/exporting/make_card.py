"""What an exported file is to say, gathered from the model and its config."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from uniformer_mm.predict.host_model import HostModel
from uniformer_mm.predict.legend import Legend
from uniformer_mm.runtimes import Card
from uniformer_mm.weights.files import file_sha256

__all__ = ['make_card']

# What writes files, and what the numbers depend on.
PACKAGES = (
    'uniformer_mm',
    'torch',
    'torchvision',
    'onnx',
    'onnxscript',
    'onnxruntime',
    'openvino',
    'nncf',
)
# What a model and its test pipeline are built from; paths of data are not.
PARTS = ('model', 'data_preprocessor')
DATASET = ('type', 'metainfo', 'pipeline')


def make_card(
    host: HostModel,
    legend: Legend,
    *,
    task: str,
    outputs: Sequence[str],
    precision: str,
) -> Card:
    """Return the card of a model."""
    model: Any = host.model
    preprocessor = model.data_preprocessor
    settings = host.config.model.get('data_preprocessor') or (
        host.config.get('data_preprocessor') or {}
    )
    # Videos are decoded as RGB, and pictures in OpenMMLab are BGR.
    turned = settings.get('bgr_to_rgb') or settings.get('to_rgb') or False
    rgb = turned != (host.host == 'mmaction')
    return Card(
        task=task,
        outputs=list(outputs),
        precision=precision,
        classes=list(legend.names),
        palette=[list(color) for color in legend.palette],
        keypoints=list(legend.keypoint_names),
        mean=_numbers(preprocessor, 'mean'),
        std=_numbers(preprocessor, 'std'),
        channel_order='rgb' if rgb else 'bgr',
        size_rule=_plain(host.steps()),
        weights=host.weights.name,
        sha256=file_sha256(host.weights),
        versions={name: v for name in PACKAGES if (v := _version(name))},
        config=_stored(host),
        dataset_meta={'classes': legend.names, 'palette': legend.palette},
    )


def _numbers(preprocessor: Any, name: str) -> list[float]:
    value = getattr(preprocessor, name, None)
    return [] if value is None else value.flatten().tolist()


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _stored(host: HostModel) -> str:
    """Return the config as Python text, as MMEngine stores it."""
    config = host.config.to_dict()
    dataset = config['test_dataloader']['dataset']
    while 'pipeline' not in dataset:  # a wrapper of one or of several
        dataset = dataset.get('dataset') or dataset['datasets'][0]
    kept = {
        'default_scope': host.host,
        **{name: config[name] for name in PARTS if config.get(name)},
        'test_dataloader': {
            'dataset': {k: dataset[k] for k in DATASET if k in dataset}
        },
    }
    return '\n'.join(f'{name} = {value!r}' for name, value in kept.items())
