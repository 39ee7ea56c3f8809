"""A host's model with its weights, and the pipeline that it is tested with."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DATASETS, MODELS, DefaultScope
from torch import nn

from uniformer_mm.hosts import TASK_HOSTS, import_extra
from uniformer_mm.predict.model_config import read_config
from uniformer_mm.weights.whole import ModelFile, find_model, load_model

__all__ = [
    'PRECISIONS',
    'HostModel',
    'check_reader',
    'short',
]

PRECISIONS = {
    'fp32': None,
    'fp16': torch.float16,
    'bf16': torch.bfloat16,
}
"""Precision -> dtype of autocast."""


class HostModel:
    """A model of a host, its weights in it, on a device.

    Args:
        task: A key of ``TASK_HOSTS``.
        config: Path, name of ours or ``Config``; None takes the one that
            follows from the weights.
        weights: As ``find_model`` takes them.
        device: Such as 'cpu' or 'cuda:0'.
        precision: A key of ``PRECISIONS``.
        ema: As in ``find_model``.
        progress: Show a bar on stderr while downloading.

    Attributes:
        config (Config): As resolved; a copy.
        model (nn.Module): In eval mode.
        weights (Path): The file that they come from.
        metas (list): Meta data of the data set, first the weights', then the
            config's: dicts with ``classes``, ``palette`` and the like.

    Raises:
        FileNotFoundError, OSError: The weights or the config are not there.
        ImportError: The host is not installed.
        ValueError: The weights are of another task, or do not fit.
    """

    def __init__(
        self,
        task: str,
        config: Any,
        weights: Any,
        *,
        device: str | torch.device,
        precision: str,
        ema: bool | None,
        progress: bool,
    ) -> None:
        self.host = TASK_HOSTS[task]
        import_extra(self.host)
        found = find_model(weights, ema=ema, progress=progress)
        self.weights = found.file.path
        self.config = read_config(task, config, found)
        self.device = torch.device(device)
        self.dtype = PRECISIONS[precision]
        with self._scope():
            self.model = self._build()
        load_model(self.model, found, task)
        self.model.to(self.device)
        self.metas = [*self._metas(found)]

    def pipeline(self, replaced: dict[str, Any]) -> Compose:
        """Build the test pipeline, without steps that load annotations.

        Args:
            replaced: Type of a step, without its scope -> the step that
                stands for it; its settings are kept but for those replaced.
        """
        steps = []
        for step in self.steps():
            name = short(step['type'])
            if not name.startswith(('LoadAnn', 'LoadPanoptic')):
                steps.append({**step, **replaced.get(name, {})})
        return self.compose(steps)

    def compose(self, steps: Sequence[dict[str, Any]]) -> Compose:
        """Build steps in the scope of the host."""
        with self._scope():
            return Compose(steps)

    def steps(self) -> list[dict[str, Any]]:
        """The test pipeline of the config, a copy."""
        return copy.deepcopy(list(self._dataset().pipeline))

    def transform(self, pipeline: Compose, sample: dict[str, Any]) -> Any:
        """Run a pipeline on one sample.

        Raises:
            ValueError: A step drops it.
        """
        with self._scope():
            data = pipeline(sample)
        if data is None:
            raise ValueError('a step of the test pipeline drops this input')
        return data

    def run(self, batch: Sequence[Any], *, grad: bool = False) -> list[Any]:
        """Return the host's data samples, one per input of one size.

        Args:
            batch: What ``transform`` returned for the inputs.
            grad: Keep what gradients of the samples' tensors need.
        """
        autocast = torch.autocast(
            self.device.type, self.dtype, enabled=self.dtype is not None
        )
        with self._scope(), torch.inference_mode(not grad), autocast:
            model: Any = self.model
            return list(model.test_step(pseudo_collate(batch)))

    def network_inputs(self, data: Any) -> Iterator[torch.Tensor]:
        """Yield what the network gets of a sample that ``transform`` made.

        One (1, ...) each, clips and crops of a video by themselves.
        """
        model: Any = self.model
        with self._scope(), torch.inference_mode():
            seen = model.data_preprocessor(pseudo_collate([data]), False)
        inputs = seen['inputs'].clone()
        if self.host == 'mmaction':
            # (1, clips, C, T, H, W), or (1, T, C, H, W)
            yield from (inputs[0].split(1) if inputs.ndim == 6 else [inputs])
        elif self.host == 'mmdet':
            # Exported detectors pad by themselves.
            h, w = seen['data_samples'][0].img_shape[:2]
            yield inputs[..., :h, :w]
        else:
            yield inputs

    @contextmanager
    def _scope(self) -> Iterator[None]:
        scope = self.config.get('default_scope') or self.host
        with DefaultScope.overwrite_default_scope(scope):
            yield

    def _build(self) -> nn.Module:
        model = copy.deepcopy(self.config.model)
        if self.config.get('data_preprocessor') is not None:
            model.setdefault(
                'data_preprocessor', self.config.data_preprocessor
            )
        return revert_sync_batchnorm(MODELS.build(model)).eval()

    def _dataset(self) -> Any:
        loader = self.config.get('test_dataloader') or {}
        dataset = loader.get('dataset')
        while dataset is not None and 'pipeline' not in dataset:
            inner = dataset.get('dataset') or dataset.get('datasets')
            dataset = inner[0] if isinstance(inner, list) else inner
        if dataset is None:
            raise ValueError(
                'the config has no test_dataloader.dataset.pipeline, which '
                'says how pictures are resized'
            )
        return dataset

    def _metas(self, found: ModelFile) -> Iterator[Any]:
        meta = found.file.meta
        # mmseg 0.x and mmdet 2.x wrote them in capitals, beside the rest.
        yield meta.get('dataset_meta') or {}
        yield {key.lower(): value for key, value in meta.items()}
        dataset = self._dataset()
        yield dataset.get('metainfo') or {}
        kind = dataset.type
        if isinstance(kind, str):
            scoped = kind if '.' in kind else f'{self.host}.{kind}'
            kind = DATASETS.get(scoped)
        yield getattr(kind, 'METAINFO', {})


def check_reader(steps: Sequence[dict[str, Any]]) -> None:
    """Refuse pipelines that read pictures otherwise than we do.

    Raises:
        ValueError: The first step does not read pictures of three channels.
    """
    name, first = short(steps[0]['type']), steps[0]
    if name not in ('LoadImage', 'LoadImageFromFile'):
        raise ValueError(
            'the test pipeline must begin with LoadImageFromFile or '
            f'LoadImage, it begins with {name}'
        )
    color = first.get('color_type', 'color')
    if color not in ('color', 'color_ignore_orientation'):
        raise ValueError(
            f'the test pipeline reads pictures with color_type={color!r}; '
            'predict gives three channels alone'
        )


def short(kind: Any) -> str:
    """Name of a type without its scope."""
    return str(getattr(kind, '__name__', kind)).rpartition('.')[2]
