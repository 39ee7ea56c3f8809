"""``carafe_*`` and ``carafe_naive_*`` of ``mmcv._ext``.

Sources: Wang et al., "CARAFE: Content-Aware ReAssembly of FEatures",
https://arxiv.org/abs/1905.02188, equation 4; the calls in
``mmcv/ops/carafe.py`` (mmcv 2.1.0, Apache-2.0). Each cell of the larger map is
the sum of ``kernel_size * kernel_size`` cells around its source, 0 outside of
the map, each times its mask. The two families of functions differ in the
memory of mmcv's kernels alone. Types below float32 are computed in float32 and
rounded once.

Shapes: features ``(N, C, H, W)``, masks ``(N, G * kernel_size^2, H * s,
W * s)`` and output ``(N, C, H * s, W * s)``, with G = ``group_size`` groups of
channels and s = ``scale_factor``. What is named r... is memory for mmcv's
kernels: ``rfeatures`` holds the features for the backward function, the rest
is ignored.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad

from uniformer_mm.compat.recompute import recomputed_gradients
from uniformer_mm.compat.torchvision_ops import to_kernel_dtype


def carafe_forward(
    features: Tensor,
    masks: Tensor,
    rfeatures: Tensor,
    routput: Tensor,  # noqa: ARG001 (mmcv's signature)
    rmasks: Tensor,  # noqa: ARG001
    output: Tensor,
    **sizes: int,
) -> None:
    """Overwrite ``output`` and ``rfeatures``.

    Args:
        features: any floating type, CPU or CUDA, like the other tensors.
        masks: the factors.
        rfeatures: memory of the shape of ``features``.
        routput: ignored.
        rmasks: ignored.
        output: the result.
        **sizes: kernel_size (odd), group_size (number of groups of channels
            with masks of their own) and scale_factor (output size / feature
            size).
    """
    rfeatures.copy_(features)
    carafe_naive_forward(features, masks, output, **sizes)


def carafe_backward(
    grad_output: Tensor,
    rfeatures: Tensor,
    masks: Tensor,
    rgrad_output: Tensor,  # noqa: ARG001 (mmcv's signature)
    rgrad_input_hs: Tensor,  # noqa: ARG001
    rgrad_input: Tensor,  # noqa: ARG001
    rgrad_masks: Tensor,  # noqa: ARG001
    grad_input: Tensor,
    grad_masks: Tensor,
    **sizes: int,
) -> None:
    """Overwrite ``grad_input`` and ``grad_masks``.

    ``rfeatures`` is what :func:`carafe_forward` wrote; the other arguments
    are explained there.
    """
    carafe_naive_backward(
        grad_output, rfeatures, masks, grad_input, grad_masks, **sizes
    )


def carafe_naive_forward(
    features: Tensor, masks: Tensor, output: Tensor, **sizes: int
) -> None:
    """Overwrite ``output``; see :func:`carafe_forward`."""
    output.copy_(_reassemble(features, masks, **sizes))


def carafe_naive_backward(
    grad_output: Tensor,
    features: Tensor,
    masks: Tensor,
    grad_input: Tensor,
    grad_masks: Tensor,
    **sizes: int,
) -> None:
    """Overwrite ``grad_input`` and ``grad_masks``.

    The other arguments are those of :func:`carafe_forward`. NOTE: mmcv's own
    Python calls this on CUDA alone.
    """
    grads = recomputed_gradients(
        lambda maps, shares: _reassemble(maps, shares, **sizes),
        (to_kernel_dtype(features), to_kernel_dtype(masks)),
        grad_output,
    )
    grad_input.copy_(grads[0])
    grad_masks.copy_(grads[1])


def _reassemble(
    features: Tensor,
    masks: Tensor,
    *,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> Tensor:
    """Return the output, float32 or float64."""
    num, channels, height, width = features.shape
    maps = pad(to_kernel_dtype(features), [kernel_size // 2] * 4)
    groups = (group_size, channels // group_size)
    maps = maps.reshape(num, *groups, *maps.shape[2:])
    # (N, G * K^2, H * s, W * s) -> (K^2, N, G, 1, H, s, W, s)
    split = (height, scale_factor, width, scale_factor)
    shares = to_kernel_dtype(masks).reshape(
        num, group_size, 1, kernel_size * kernel_size, *split
    )
    shares = shares.movedim(3, 0)
    output = maps.new_zeros(num, *groups, *split)
    for tap, share in enumerate(shares):
        i, j = divmod(tap, kernel_size)
        source = maps[..., i : i + height, j : j + width]
        output = output + source[..., None, :, None] * share
    # (N, G, C / G, H, s, W, s) -> (N, C, H * s, W * s)
    return output.reshape(
        num, channels, height * scale_factor, width * scale_factor
    )
