"""What an exported file says of its model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

__all__ = ['NAME', 'Card']

NAME = 'uniformer_mm'
"""Key below which files keep the card; in those of torch a file's name."""


@dataclass(frozen=True)
class Card:
    """What an exported file says of its model.

    Attributes:
        task (str): 'detection', 'segmentation', 'pose', 'action',
            'classification', or
            'backbone'.
        outputs (list[str]): Names of the outputs, in their order.
        precision (str): What it computes in: 'fp32', 'bf16' or 'int8'.
        classes (list[str]): Class id -> name; of pose the one class that has
            the keypoints.
        palette (list): Class id -> [red, green, blue], 0-255.
        keypoints (list[str]): Keypoint id -> name; empty but for pose.
        mean (list[float]): Of each channel, subtracted from 0-255.
        std (list[float]): Of each channel, what that is divided by then.
        channel_order (str): Of the input: 'rgb' or 'bgr'.
        size_rule (list[dict]): Steps of the test pipeline, by which pictures
            get their size, as the config has them.
        weights (str): Name of the weight file.
        sha256 (str): Of the weights' values; see ``sha256_of``.
        versions (dict): Package -> version, of what wrote the file.
        config (str): Model and test pipeline, as MMEngine stores configs.
        dataset_meta (dict): As MMEngine stores it.
    """

    task: str
    outputs: list[str]
    precision: str = 'fp32'
    classes: list[str] = field(default_factory=list)
    palette: list[list[int]] = field(default_factory=list)
    keypoints: list[str] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    std: list[float] = field(default_factory=list)
    channel_order: str = 'rgb'
    size_rule: list[dict[str, Any]] = field(default_factory=list)
    weights: str = ''
    sha256: str = ''
    versions: dict[str, str] = field(default_factory=dict)
    config: str = ''
    dataset_meta: dict[str, Any] = field(default_factory=dict)

    def to_texts(self) -> dict[str, str]:
        """Return it as ONNX and OpenVINO hold it: field -> json."""
        return {key: json.dumps(value) for key, value in asdict(self).items()}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], name: str) -> Card:
        """Read what ``to_texts`` returned, from the file ``name``.

        Raises:
            ValueError: It is not that.
        """
        known = {f.name for f in fields(cls)}
        try:
            found = {k: json.loads(v) for k, v in texts.items() if k in known}
            return cls(**found)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'{name} was not written by `uniformer-mm export`, or by '
                f'another version of it: {error}'
            ) from error
