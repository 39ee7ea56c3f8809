"""What a config says of its keypoints: names, mirrors, links, tolerances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from uniformer_mm.data_checks.finding import Collector, Finding

__all__ = ['check_keypoint_info', 'keypoint_count']

WHERE = 'in metainfo.keypoint_info'


def keypoint_count(info: Any) -> int | None:
    """Number of keypoints of an mmpose ``metainfo``; None if it has none."""
    points = info.get('keypoint_info') if isinstance(info, Mapping) else None
    return len(points) if isinstance(points, Mapping) else None


def check_keypoint_info(info: Mapping[str, Any]) -> list[Finding]:
    """Check ``metainfo`` of a pose data set, as mmpose's configs write it."""
    found = Collector('')
    points = info['keypoint_info']
    names = [str(point.get('name')) for point in points.values()]
    for name, count in Counter(names).items():
        if count > 1:
            found.error(f'{count} keypoints are named {name!r} {WHERE}')
    if sorted(points) != list(range(len(points))):
        found.error(
            f'keypoints must be numbered from 0 {WHERE}, got {sorted(points)}'
        )
    swaps = {
        str(point.get('name')): str(point.get('swap') or '')
        for point in points.values()
    }
    for name, other in swaps.items():
        if other in ('', name):
            continue
        if other not in swaps:
            found.error(
                f'{name!r} becomes {other!r} in a mirror, which is no '
                f'keypoint {WHERE}',
                f'choose one of {names}',
            )
        elif swaps[other] != name:
            found.error(
                f'{name!r} becomes {other!r} in a mirror, but {other!r} '
                f'becomes {swaps[other] or other!r} {WHERE}',
                'set swap on both sides: what is flipped would be trained '
                'with wrong places',
            )
    links = info.get('skeleton_info') or {}
    for link in links.values():
        for name in link.get('link', ()):
            if name not in swaps:
                found.error(
                    f'a link ends at {name!r}, which is no keypoint',
                    f'choose one of {names}',
                )
    for key in ('sigmas', 'joint_weights'):
        values = info.get(key)
        if values is not None and len(values) != len(names):
            found.error(
                f'metainfo.{key} must have a number per keypoint, '
                f'{len(names)}, got {len(values)}'
            )
    return found.findings()
