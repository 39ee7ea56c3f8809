"""What ``torch.compile`` is given, for speed on a CPU."""

from uniformer_mm.compiled.options import compile_options

__all__ = ['compile_options']
