"""Changes of boxes in the paper's pose recipe, for pipelines of mmpose.

mmpose's own ``RandomBBoxTransform`` draws from other distributions: normals
cut off at one deviation where the paper's recipe clips them, and a new shift
in each epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from uniformer_mm.checks import check_int, check_number, check_rate
from uniformer_mm.registry import TRANSFORMS

__all__ = ['FixedBoxShift', 'RandomBoxScaleRotation']


@TRANSFORMS.register_module()
class FixedBoxShift:
    """Shift some boxes, each by the same amount in every epoch.

    The paper's code draws the shifts when it builds its data set. Here they
    follow from a seed and the annotation's id, so all workers and a resumed
    training see the same ones. It belongs before the flip, which mirrors it.

    Reads 'bbox' (1, 4) as x1, y1, x2, y2, without padding, and 'id'; changes
    'bbox_center' (1, 2); all in pixels.

    Args:
        shift_factor (float): Largest shift to each side, in widths and
            heights of the box; >= 0. Defaults to 0.2.
        shift_prob (float): Share of shifted boxes, in [0, 1]. Defaults to 0.3.
        seed (int): Another seed draws other shifts; >= 0. Defaults to 0.

    Raises:
        TypeError: An argument is no number, or ``seed`` no int.
        ValueError: An argument breaks its rule.
    """

    def __init__(
        self,
        shift_factor: float = 0.2,
        shift_prob: float = 0.3,
        seed: int = 0,
    ) -> None:
        check_number('shift_factor', shift_factor, 0)
        check_number('shift_prob', shift_prob, 0, 1)
        check_int('seed', seed, 0)
        self.shift_factor = shift_factor
        self.shift_prob = shift_prob
        self.seed = seed

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Shift the box of ``results``.

        Raises:
            ValueError: ``results`` holds more than one box, or an id that is
                no whole number.
        """
        corners = results['bbox']
        if corners.shape != (1, 4):
            raise ValueError(
                'FixedBoxShift is for top-down data, one box (1, 4) per '
                f'sample, got bbox of shape {corners.shape}'
            )
        rng = np.random.default_rng((self.seed, *_entropy(results)))
        if rng.random() < self.shift_prob:
            size = corners[:, 2:] - corners[:, :2]
            shift = rng.uniform(-self.shift_factor, self.shift_factor, (1, 2))
            center = results['bbox_center']
            results['bbox_center'] = center + (shift * size).astype(
                center.dtype
            )
        return results


def _entropy(results: Mapping[str, Any]) -> tuple[int, ...]:
    """Return what the annotation's id adds to a seed; no number < 0."""
    given = results.get('id')
    try:
        number = int(given)  # type: ignore[arg-type]
        if isinstance(given, float) and given != number:
            raise ValueError
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            'the id of an annotation must be a whole number, got '
            f'id={given!r} in {results.get("img_path")}'
        ) from error
    return (number,) if number >= 0 else (-number, 1)


@TRANSFORMS.register_module()
class RandomBoxScaleRotation:
    """Scale and rotate boxes by clipped normals.

    The share that a normal has beyond its bounds falls on the bounds. Each
    box is scaled, by 1 on average.

    Changes 'bbox_scale' (N, 2), in pixels, and adds 'bbox_rotation' (N,), in
    degrees.

    Args:
        scale_factor (float): Deviation of the scale, which is clipped one
            deviation from 1; in [0, 1). Defaults to 0.5.
        rotate_factor (float): Deviation of the rotation in degrees, which is
            clipped at two deviations; >= 0. Defaults to 40.
        rotate_prob (float): Share of rotated boxes, in [0, 1]. Defaults to
            0.6.

    Raises:
        TypeError: An argument is no number.
        ValueError: An argument breaks its rule.
    """

    def __init__(
        self,
        scale_factor: float = 0.5,
        rotate_factor: float = 40.0,
        rotate_prob: float = 0.6,
    ) -> None:
        check_rate('scale_factor', scale_factor)
        check_number('rotate_factor', rotate_factor, 0)
        check_number('rotate_prob', rotate_prob, 0, 1)
        self.scale_factor = scale_factor
        self.rotate_factor = rotate_factor
        self.rotate_prob = rotate_prob

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Scale and rotate the boxes of ``results``."""
        scale = results['bbox_scale']
        count = len(scale)
        draws = np.random.randn(2, count)
        factor = 1 + self.scale_factor * draws[0].clip(-1, 1)
        rotation = self.rotate_factor * draws[1].clip(-2, 2)
        rotation[np.random.rand(count) >= self.rotate_prob] = 0.0
        results['bbox_scale'] = scale * factor[:, None].astype(scale.dtype)
        results['bbox_rotation'] = rotation.astype(scale.dtype)
        return results
