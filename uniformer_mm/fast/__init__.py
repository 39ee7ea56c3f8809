"""What makes the models faster on a CPU, applied from outside of them.

``path`` is the seam; each other file registers fast forms at it. A form for
another device is one more file, and one more name in the import below.
"""

from uniformer_mm.fast import (  # noqa: F401
    attention,
    clips,
    depthwise,
    gelu,
    graphs,
    light_blocks,
    linear,
    mlp,
    patches,
    products,
    tiles,
    windows,
)
from uniformer_mm.fast.path import is_on, plain

__all__ = ['is_on', 'plain']
