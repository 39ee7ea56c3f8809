"""Access to torchvision's operators, imported with ``mmcv.ops``.

Not at the first use: that may lie in a trace, where torchvision can't be
imported.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from uniformer_mm.doctor.breakages import TORCHVISION
from uniformer_mm.doctor.installation import installed

FAULT: Exception | None = None
"""Why the operators are not there, for who comes to need them."""
try:
    import torchvision  # noqa: F401
# A torchvision built for another torch raises RuntimeError ("operator
# torchvision::nms does not exist") while it is imported, and AttributeError
# where that is tried again.
except Exception as error:
    FAULT = error


def torchvision_ops() -> Any:
    """Return ``torch.ops.torchvision`` with its operators registered.

    Raises:
        ImportError: torchvision is missing or was built for another torch.
        RuntimeError: It was built for another CUDA.
    """
    if FAULT is None:
        return torch.ops.torchvision
    if hasattr(torch.ops.torchvision, 'nms'):
        raise FAULT  # not for want of operators
    raise ImportError(
        f'the replacement of mmcv._ext needs torchvision ({FAULT})\n'
        f'{TORCHVISION.text(installed())}'
    ) from FAULT


def to_kernel_dtype(tensor: Tensor) -> Tensor:
    """Return ``tensor`` as float64 if it is float64, else as float32.

    The kernels know no other type on the CPU, and coordinates lose whole
    pixels below float32.
    """
    if tensor.dtype == torch.float64:
        return tensor
    return tensor.float()
