"""Models in files that run elsewhere, each with the proof that it is equal."""

from uniformer_mm.exporting.export import ParityError, export
from uniformer_mm.exporting.parity import Report

__all__ = ['ParityError', 'Report', 'export']
