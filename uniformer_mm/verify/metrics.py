"""The paper's metrics, and what the hosts call them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ['METRICS']

METRICS: Mapping[str, Mapping[str, tuple[str, float]]] = {
    'detection': {
        'box AP': ('coco/bbox_mAP', 100),
        'mask AP': ('coco/segm_mAP', 100),
    },
    'segmentation': {'mIoU': ('mIoU', 1)},
    'pose': {
        'AP': ('coco/AP', 100),
        'AP50': ('coco/AP .5', 100),
        'AP75': ('coco/AP .75', 100),
        'APM': ('coco/AP (M)', 100),
        'APL': ('coco/AP (L)', 100),
        'AR': ('coco/AR', 100),
    },
    'action': {'Top 1 Accuracy': ('acc/top1', 100)},
    'classification': {'Top 1 Accuracy': ('accuracy/top1', 1)},
}
"""Task -> column of results.csv -> key of the host's metric, its percent.

The mean over scales and flips of segmentation is another test (``mim test
--tta``), and not among them.
"""
