"""What is told of weights: by MMEngine's logger, or by Python's."""

from __future__ import annotations

import logging

__all__ = ['tell']


def tell(message: str, level: int = logging.INFO) -> None:
    """Log to MMEngine's current logger, without it to ``uniformer_mm``'s."""
    try:
        from mmengine.logging import print_log
    except ModuleNotFoundError:
        logging.getLogger('uniformer_mm').log(level, message)
    else:
        print_log(message, logger='current', level=level)
