"""What people do to single layers of a built model."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

CONVS = (nn.Conv2d, nn.Conv3d)
LINEAR = (nn.Linear, *CONVS)
INSTANCE_NORMS = {
    nn.BatchNorm2d: nn.InstanceNorm2d,
    nn.BatchNorm3d: nn.InstanceNorm3d,
}


def plain_kind(layer: nn.Module) -> Any:
    """The class of torch that ``layer`` is, or is derived from."""
    kinds = (*LINEAR, *INSTANCE_NORMS, nn.LayerNorm)
    return next(kind for kind in kinds if isinstance(layer, kind))


def like(layer: Any, kind: Any = None, **changes: Any) -> Any:
    """A new layer in eval mode that takes and gives what ``layer`` does."""
    kind = kind or plain_kind(layer)
    if isinstance(layer, nn.Linear):
        return kind(layer.in_features, layer.out_features).eval()
    if isinstance(layer, nn.LayerNorm):
        return kind(layer.normalized_shape, eps=layer.eps).eval()
    if not isinstance(layer, CONVS):
        return kind(layer.num_features, **changes).eval()
    settings: dict[str, Any] = {
        'kernel_size': layer.kernel_size,
        'padding': layer.padding,
        'stride': layer.stride,
        'groups': layer.groups,
        **changes,
    }
    return kind(layer.in_channels, layer.out_channels, **settings).eval()


def equivalent(layer: Any, kind: Any = None) -> nn.Module:
    new = like(layer, kind)
    new.load_state_dict(layer.state_dict())
    return new


def doubling(layer: Any) -> nn.Module:
    """A layer of a class derived from torch's, with twice the output."""

    class Doubling(plain_kind(layer)):  # type: ignore[misc]
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    return equivalent(layer, Doubling)


def group_norm(layer: Any) -> nn.Module:
    return nn.GroupNorm(2, layer.num_features)


def instance_norm(layer: Any) -> nn.Module:
    return like(layer, INSTANCE_NORMS[plain_kind(layer)])


def without_affine(layer: Any) -> nn.Module:
    return like(layer, affine=False)


def kernel_of_3(layer: Any) -> nn.Module:
    return like(layer, kernel_size=3, padding=1)


def dilated(layer: Any) -> nn.Module:
    return like(layer, dilation=2, padding=tuple(2 * p for p in layer.padding))


def reflecting(layer: Any) -> nn.Module:
    # A border of two does not reflect two frames.
    modes = {nn.Conv2d: 'reflect', nn.Conv3d: 'replicate'}
    return like(layer, padding_mode=modes[plain_kind(layer)])


def untracked(layer: Any) -> None:
    layer.track_running_stats = False
    layer.running_mean = layer.running_var = None


def leave_on(layer: Any) -> None:
    name = 'drop_prob' if hasattr(layer, 'drop_prob') else 'p'
    setattr(layer, name, 0.4)
    layer.train()


def cumulative(layer: Any) -> None:
    layer.momentum = None
    layer.train()


def patch_forward(layer: Any) -> None:
    original = layer.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        out = original(*args, **kwargs)
        return (
            (1.5 * out[0], *out[1:]) if isinstance(out, tuple) else 1.5 * out
        )

    layer.forward = forward


def patch_conv_forward(layer: Any) -> None:
    original = layer._conv_forward
    layer._conv_forward = lambda *args: original(*args).abs()


class Half(nn.Module):
    """A parametrization."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight / 2


def half(layer: nn.Module) -> None:
    parametrize.register_parametrization(layer, 'weight', Half())


def louder_weight_norm(layer: Any) -> None:
    parametrizations.weight_norm(layer)
    layer.parametrizations.weight.original0.data.mul_(1.5)


def scale_data(layer: Any) -> None:
    layer.weight.data.mul_(1.5)


def no_bias(layer: nn.Module) -> None:
    layer.bias = None


def settled_spectral_norm(layer: Any) -> nn.Module:
    """The one by hooks, which looks for the norm in training alone."""
    nn.utils.spectral_norm(layer, n_power_iterations=20)
    layer.train()
    for hook in list(layer._forward_pre_hooks.values()):
        hook(layer, None)
    return layer.eval()


# Scales and shifts would be undone by a norm that follows.
def change_output(layer: nn.Module) -> None:
    def hook(_module: nn.Module, _args: Any, out: Any) -> Any:
        return (out[0].abs(), *out[1:]) if isinstance(out, tuple) else abs(out)

    layer.register_forward_hook(hook)


def change_output_in_place(layer: nn.Module) -> None:
    def hook(_module: nn.Module, _args: Any, out: Any) -> None:
        (out[0] if isinstance(out, tuple) else out).data.abs_()

    layer.register_forward_hook(hook)


def change_input(layer: nn.Module) -> None:
    def hook(_module: nn.Module, args: Any) -> Any:
        return (args[0].roll(1, -1), *args[1:])

    layer.register_forward_pre_hook(hook)


def change_input_and_output(layer: nn.Module) -> None:
    """By hooks that take keywords."""

    def before(_module: nn.Module, args: Any, kwargs: Any) -> Any:
        return (args[0].roll(1, -1), *args[1:]), kwargs

    def after(_module: nn.Module, _args: Any, _kwargs: Any, out: Any) -> Any:
        return (out[0].abs(), *out[1:]) if isinstance(out, tuple) else abs(out)

    layer.register_forward_pre_hook(before, with_kwargs=True)
    layer.register_forward_hook(after, with_kwargs=True, always_call=True)
