"""MMEngine extensions of the suite; importing this registers them."""

from uniformer_mm.engine.checkpoint_hook import CheckpointHook
from uniformer_mm.engine.compile import CompileBackboneHook
from uniformer_mm.engine.evaluate_first import EvaluateFirstHook
from uniformer_mm.engine.flexible import DataCheckFlexibleRunner
from uniformer_mm.engine.fsdp import BlockFSDPStrategy
from uniformer_mm.engine.non_finite import NonFiniteError, NonFiniteHook
from uniformer_mm.engine.optim import LayerDecayOptimWrapperConstructor
from uniformer_mm.engine.runner import DataCheckRunner

__all__ = [
    'BlockFSDPStrategy',
    'CheckpointHook',
    'CompileBackboneHook',
    'DataCheckFlexibleRunner',
    'DataCheckRunner',
    'EvaluateFirstHook',
    'LayerDecayOptimWrapperConstructor',
    'NonFiniteError',
    'NonFiniteHook',
]
