"""Stand-in for ``mmaction.models.localizers.drn``.

The wheel and the sdist of mmaction2 1.2.0 lack this package, so that
``import mmaction.models`` fails:
https://github.com/open-mmlab/mmaction2/issues/2714
"""

from __future__ import annotations

from typing import Any

__all__ = ['DRN']


class DRN:
    """Takes the name of mmaction2's temporal grounding model.

    Raises:
        NotImplementedError: on construction.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            'DRN is missing from the packages of mmaction2 1.2.0 on PyPI '
            '(https://github.com/open-mmlab/mmaction2/issues/2714); install '
            'mmaction2 from source to use it: pip install '
            'git+https://github.com/open-mmlab/mmaction2'
        )
