"""What the names of keypoints tell: mirrors, and halves of the body."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ['template_keypoints']

SIDES = {'left': 'right', 'right': 'left', 'l': 'r', 'r': 'l'}
# A side is a word of its own: left_hand, hand-l, LeftHand, hand_L.
WORDS = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+')
HALVES = {
    'upper': (
        'nose',
        'eye',
        'ear',
        'head',
        'neck',
        'shoulder',
        'elbow',
        'wrist',
        'hand',
    ),
    'lower': ('hip', 'knee', 'ankle', 'foot', 'heel', 'toe'),
}


def template_keypoints(
    names: Sequence[str],
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Return (name, half, mirror) of each keypoint, and notes.

    Raises:
        ValueError: Two have one name.
    """
    if len(set(names)) < len(names):
        raise ValueError(f'keypoints must have different names, got {names}')
    found = []
    for name in names:
        other = _mirrored(name)
        swap = other if other != name and other in names else ''
        found.append((name, _half(name), swap))
    notes = []
    alone = [n for n, _, swap in found if not swap and _mirrored(n) != n]
    if alone:
        notes.append(
            f'keypoints {alone} have a side and no mirror among the names: '
            'set it in `keypoints` of the config'
        )
    if not any(swap for *_, swap in found):
        notes.append(
            'no keypoint becomes another in a mirror: if some do, set it in '
            '`keypoints` of the config, for pictures are flipped in training'
        )
    notes.append('tolerances (`sigmas`) are 0.05 for all keypoints')
    return found, notes


def _mirrored(name: str) -> str:
    return ''.join(_other_side(word) for word in WORDS.findall(name))


def _other_side(word: str) -> str:
    other = SIDES.get(word.lower())
    if other is None:
        return word
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other


def _half(name: str) -> str:
    words = [word.lower() for word in WORDS.findall(name)]
    for half, parts in HALVES.items():
        if any(word in parts for word in words):
            return half
    return ''
