"""From weights to a predictor: ``load``."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence

import torch
from mmengine import Config

from uniformer_mm.checks import check_choice
from uniformer_mm.hosts import TASK_HOSTS
from uniformer_mm.predict.action import Action
from uniformer_mm.predict.batches import Task
from uniformer_mm.predict.classification import Classification
from uniformer_mm.predict.detection import Detection
from uniformer_mm.predict.exported import ExportedModel, is_exported
from uniformer_mm.predict.host_model import PRECISIONS, HostModel
from uniformer_mm.predict.pose import Pose
from uniformer_mm.predict.predictor import Predictor
from uniformer_mm.predict.segmentation import Segmentation

__all__ = ['DEFAULT_WEIGHTS', 'load']

Path = str | os.PathLike[str]

DEFAULT_WEIGHTS = {
    'detection': 'mask-rcnn_uniformer-s-h14_3x-ms_coco',
    'segmentation': 'upernet_uniformer-s_160k_ade20k_controlnet',
    'pose': 'td-hm_uniformer-s_210e_coco-256x192_mmpose',
    'action': 'uniformer-small_k400_16x4_mmaction2',
    'classification': 'uniformer-small_in1k',
}
"""Task -> name of the catalogue."""


def load(
    task: str,
    *,
    config: Path | Config | None = None,
    weights: Path | None = None,
    device: str | torch.device | None = None,
    precision: str = 'fp32',
    names: Sequence[str] | None = None,
    ema: bool | None = None,
    detector: Path | Predictor | None = None,
    person: str = 'person',
    progress: bool = True,
) -> Predictor:
    """Build the model of a task, with its weights, ready to predict.

    Args:
        task (str): 'detection', 'segmentation', 'pose', 'action' or
            'classification'.
        config (str | PathLike | Config | None): A path, or a name of
            ``uniformer-mm config``. Defaults to None: the one that the
            catalogue has for the weights, or that MMEngine stored in them.
        weights (str | PathLike | None): A name of the catalogue, a path, a
            URL or 'hf-hub:OWNER/NAME'; or the path of a file that ``export``
            has written, which has its config with it. Defaults to None: those
            of ``DEFAULT_WEIGHTS``.
        device (str | torch.device | None): Defaults to None: the first GPU,
            or the CPU if there is none; of exported files the CPU.
        precision (str): 'fp32', or 'fp16' or 'bf16' by autocast. Defaults to
            'fp32'.
        names (Sequence[str] | None): Of the classes. Defaults to None: what
            the weights or the config say, else numbers. Not for pose.
        ema (bool | None): As in ``load_backbone``. Defaults to None.
        detector (str | PathLike | Predictor | None): Pose alone: weights of
            the detector that finds persons, or a predictor of detection.
            Defaults to None: the default weights of detection, as soon as
            ``predict`` gets no boxes.
        person (str): Pose alone: the detector's class that has the keypoints.
            Defaults to 'person'.
        progress (bool): Show a bar while downloading. Defaults to True.

    Returns:
        Predictor: See there.

    Raises:
        FileNotFoundError, OSError: The weights or the config are not there.
        ImportError: The host of the task is not installed.
        TypeError: An argument is of the wrong type, or for pose alone.
        ValueError: Unknown task, device or precision; weights of another
            task, or that do not fit the config.

    Examples:
        >>> detector = load('detection', weights='work_dirs/my/epoch_12.pth')
        >>> for result in detector.predict('pictures/', stream=True):
        ...     print(result.name, result.classes, result.scores)
    """
    check_choice('task', task, list(TASK_HOSTS))
    check_choice('precision', precision, list(PRECISIONS))
    if isinstance(names, str):
        raise TypeError(f'names must be a list of names, got {names!r}')
    if config is not None and weights is None:
        raise ValueError('weights must be given with config: it has none')
    if task == 'pose' and names is not None:
        raise TypeError('names are for classes; pose has one: give person=')
    if task != 'pose' and (detector is not None or person != 'person'):
        raise TypeError(f'detector and person are for pose, not for {task}')
    host: HostModel
    if is_exported(weights):
        if precision != 'fp32' or ema is not None:
            raise ValueError(
                'precision and ema are of the export of a file, not of its use'
            )
        # Not the GPU by itself: few runtimes have it.
        where = _device(device or 'cpu')
        host = ExportedModel(task, config, weights, where)
    else:
        where = _device(device)
        host = HostModel(
            task,
            config,
            DEFAULT_WEIGHTS[task] if weights is None else weights,
            device=where,
            precision=precision,
            ema=ema,
            progress=progress,
        )
    if task == 'pose':

        @functools.cache
        def find_detector() -> Predictor:
            if isinstance(detector, Predictor):
                return detector
            try:
                return load(
                    'detection',
                    weights=detector,
                    device=where,
                    precision=precision,
                    progress=progress,
                )
            except OSError as error:
                raise OSError(
                    f'pose needs a detector of persons, or boxes: {error}'
                ) from error

        return Predictor(Pose(host, person), find_detector)
    kinds: dict[str, Callable[..., Task]] = {
        'detection': Detection,
        'segmentation': Segmentation,
        'action': Action,
        'classification': Classification,
    }
    return Predictor(kinds[task](host, names))


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        where = torch.device(device)
        torch.empty(1, device=where)
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f"device {str(device)!r} can't be used: {error}"
        ) from error
    return where
