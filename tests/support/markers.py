"""Marks that several tests carry."""

from __future__ import annotations

import shutil

import pytest

needs_compiler = pytest.mark.skipif(
    shutil.which('g++') is None, reason='inductor needs g++ on a CPU'
)
