"""``count``, for all tests of this folder."""

from tests.support.fuzz import count

__all__ = ['count']
