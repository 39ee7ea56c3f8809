"""MMEngine extensions of the suite; importing this registers them."""

from uniformer_mm.engine.checkpoint_hook import CheckpointHook
from uniformer_mm.engine.compile import CompileBackboneHook
from uniformer_mm.engine.hooks import EvaluateFirstHook
from uniformer_mm.engine.non_finite import NonFiniteError, NonFiniteHook
from uniformer_mm.engine.optim import LayerDecayOptimWrapperConstructor
from uniformer_mm.engine.runner import DataCheckRunner

__all__ = [
    'CheckpointHook',
    'CompileBackboneHook',
    'DataCheckRunner',
    'EvaluateFirstHook',
    'LayerDecayOptimWrapperConstructor',
    'NonFiniteError',
    'NonFiniteHook',
]
