"""Access to torchvision's operators, imported with ``mmcv.ops``.

Not at the first use: that may lie in a trace, where torchvision can't be
imported.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

FAULT: Exception | None = None
"""Why the operators are not there, for who comes to need them."""
try:
    import torchvision  # noqa: F401
# A torchvision built for another torch raises RuntimeError ("operator
# torchvision::nms does not exist") while it is imported.
except (ImportError, RuntimeError) as error:
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
    release = torch.__version__.partition('+')[0]
    raise ImportError(
        'the replacement of mmcv._ext needs the torchvision release that '
        f'matches torch {release}; install it, for instance with "pip '
        f'install --upgrade torchvision torch=={release}" ({FAULT})'
    ) from FAULT


def to_kernel_dtype(tensor: Tensor) -> Tensor:
    """Return ``tensor`` as float64 if it is float64, else as float32.

    The kernels know no other type on the CPU, and coordinates lose whole
    pixels below float32.
    """
    if tensor.dtype == torch.float64:
        return tensor
    return tensor.float()
