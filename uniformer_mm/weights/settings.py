"""What of a model its weights don't show, kept beside them in our files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

__all__ = [
    'BACKBONE_SETTINGS',
    'CLASSIFIER_SETTINGS',
    'SEGMENTOR_SETTINGS',
    'settings_in',
]

BACKBONE_SETTINGS = (
    'attention',
    'window_size',
    'out_indices',
    'out_norm',
    'as_tuple',
    'out_channels_last',
)
"""Arguments of backbones; those of training, such as dropout, are not kept."""

CLASSIFIER_SETTINGS = ('attention', 'window_size')
"""Arguments of the backbones of classifiers, which set the others."""

SEGMENTOR_SETTINGS = (
    *CLASSIFIER_SETTINGS,
    'names',
    'palette',
    'scale',
    'channel_order',
)
"""Arguments of ``portable.Segmentor``."""


def settings_in(
    meta: Mapping[str, Any], name: str, wanted: Collection[str]
) -> dict[str, Any]:
    """Return the settings in the meta of a file, empty if there are none.

    Args:
        meta: Of the file.
        name: The file's, for the error.
        wanted: Those to return.

    Raises:
        ValueError: They are of an unknown kind, as of a later release.
    """
    settings = meta.get('settings', {})
    known = {*BACKBONE_SETTINGS, *SEGMENTOR_SETTINGS}
    if not isinstance(settings, dict) or not known.issuperset(settings):
        raise ValueError(
            f'{name} has settings {settings!r:.200}, expected a dict of '
            f'{sorted(known)}: it may need a newer uniformer_mm'
        )
    return {key: value for key, value in settings.items() if key in wanted}
