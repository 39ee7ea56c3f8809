"""What a model costs, told without running it."""

from uniformer_mm.analysis.complexity import Complexity, count_complexity
from uniformer_mm.analysis.input_shape import InputShape, default_shape
from uniformer_mm.analysis.meter import Part

__all__ = [
    'Complexity',
    'InputShape',
    'Part',
    'count_complexity',
    'default_shape',
]
