"""The number that a class activation map explains, for each task."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from uniformer_mm.predict.batches import Task
from uniformer_mm.view.seen import Box, Seen

__all__ = ['NothingFoundError', 'target_of']


class NothingFoundError(ValueError):
    """The model finds nothing whose score could be explained."""


def target_of(
    task: Task, seen: Seen, name: str | None, box: Box | None
) -> tuple[Tensor, str]:
    """Run a model with its heads, and return a score to be explained.

    - Detection: the scores of all boxes of a class, of the box that overlaps
      ``box`` most, or of the surest one.
    - Segmentation: the mean logit of a class, or of the most frequent one,
      where the model sees it; or in ``box``.
    - Pose: the highest value of a keypoint's heatmap, or their sum.
    - Action and classification: the logit of a class, or of the best one.

    Args:
        task: The model, in eval mode.
        seen: Its input.
        name: A class, or a keypoint for pose; None as above.
        box: In pixels of the input; detection and segmentation alone, since
            for pose it is the person, which ``seen`` has.

    Returns:
        tuple[Tensor, str]: A scalar with its graph, and what it is of.

    Raises:
        TypeError: ``box`` for another task than these.
        NothingFoundError: There is no box of the class, or at the box.
        ValueError: There is no such class.
    """
    names = task.legend.keypoint_names or task.legend.names
    if name is not None and name not in names:
        raise ValueError(f'no class {name!r}; choose one of {list(names)}')
    label = None if name is None else names.index(name)
    if task.task == 'detection':
        score, label, what = _detected(task, seen, label, box)
    elif task.task == 'segmentation':
        score, label, what = _segmented(task, seen, label, box)
    elif box is not None:
        raise TypeError(
            f'box is for detection and segmentation, not for {task.task}'
        )
    else:
        find = {
            'pose': _located,
            'action': _recognized,
            'classification': _classified,
        }[task.task]
        score, label, what = find(task, seen, label)
    if label is None:
        return score, what
    return score, f'{names[label]} {what}'.strip()


Target = tuple[Tensor, 'int | None', str]


def _detected(
    task: Task, seen: Seen, label: int | None, box: Box | None
) -> Target:
    found = task.host.run([seen.data], grad=True)[0].pred_instances
    known = list(range(len(found.scores)))
    if label is not None:
        known = [i for i in known if int(found.labels[i]) == label]
    if not known:
        seen_names = {task.legend.names[int(i)] for i in found.labels}
        raise NothingFoundError(
            'the model finds nothing of this class; it finds '
            f'{sorted(seen_names) or "nothing at all"}'
        )
    if box is None and label is not None:
        return found.scores[known].sum(), label, f'{len(known)} boxes'
    scores = found.scores.tolist()
    surest = max(known, key=lambda i: scores[i])
    if box is not None:
        overlaps = _overlaps(found.bboxes, box)
        surest = max(known, key=lambda i: float(overlaps[i]))
        if not overlaps[surest] > 0:
            raise NothingFoundError(
                f'no box that the model finds overlaps {box}'
            )
    label = int(found.labels[surest])
    return found.scores[surest], label, f'{scores[surest]:.2f}'


def _segmented(
    task: Task, seen: Seen, label: int | None, box: Box | None
) -> Target:
    model: Any = task.host.model
    metas = [seen.data['data_samples'].metainfo]
    logits = model.encode_decode(seen.inputs, metas)[0]  # (classes, H, W)
    if len(logits) == 1:  # one output tells two classes apart
        logits = torch.cat([-logits, logits])
    _, h, w, _ = seen.frames.shape
    logits = logits[:, :h, :w]
    labels = logits.argmax(0)
    if box is not None:
        x1, y1 = seen.place(box[:2])
        right, bottom = box[2] - 1, box[3] - 1
        x2, y2 = seen.place((max(right, box[0]), max(bottom, box[1])))
        area = torch.zeros_like(labels, dtype=torch.bool)
        area[int(y1) : int(y2) + 1, int(x1) : int(x2) + 1] = True
        if label is None:
            label = int(labels[area].mode().values)
        return logits[label][area].mean(), label, 'in the box'
    if label is None:
        label = int(labels.flatten().mode().values)
    area = labels == label
    if not area.any():
        return logits[label].mean(), label, 'found nowhere'
    return logits[label][area].mean(), label, f'{area.float().mean():.0%}'


def _located(task: Task, seen: Seen, label: int | None) -> Target:
    model: Any = task.host.model
    maps = model(seen.inputs, None, mode='tensor')
    # Heatmaps (1, K, H, W), or one line each for x and y (1, K, W).
    parts = maps if isinstance(maps, (tuple, list)) else [maps]
    best = sum(part[0].flatten(1).max(1).values for part in parts)
    if label is None:
        return best.sum(), None, f'all {len(best)} keypoints'
    return best[label], label, ''


def _recognized(task: Task, seen: Seen, label: int | None) -> Target:
    model: Any = task.host.model
    maps, _ = model.extract_feat(seen.inputs[:, None], stage='neck')
    return _best_of(model.cls_head(maps, num_segs=1)[0], label)


def _classified(task: Task, seen: Seen, label: int | None) -> Target:
    model: Any = task.host.model
    return _best_of(model(seen.inputs, mode='tensor')[0], label)


def _best_of(logits: Tensor, label: int | None) -> Target:
    if label is None:
        label = int(logits.argmax())
    sure = logits.detach().softmax(-1)[label]
    return logits[label], label, f'{sure:.2f}'


def _overlaps(boxes: Tensor, box: Box) -> Tensor:
    """Intersection over union of boxes (N, 4) with one."""
    boxes = boxes.detach()
    told = boxes.new_tensor(box)
    low = torch.maximum(boxes[:, :2], told[:2])
    high = torch.minimum(boxes[:, 2:], told[2:])
    common = (high - low).clamp_min(0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return common / (areas + (told[2:] - told[:2]).prod() - common)
