"""Heads that follow the backbone: their channels, and whether they fit."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from uniformer_mm.hosts import advice
from uniformer_mm.swap import maps
from uniformer_mm.swap.channels import with_channels
from uniformer_mm.swap.stock import Stock, TiedBackboneError
from uniformer_mm.undeclared import missing_in

__all__ = ['check_whole', 'fit', 'read_channels', 'unpacked', 'wants_last']

SEGMENTS = 8  # frames per clip of a 2D recogniser, if nothing says it


def wants_last(host: str, owner: Any) -> bool:
    """Whether a model of one map wants the coarsest one, whatever its size.

    Classifiers pool it, and heads of poses upsample it.
    """
    return host == 'mmpose' or (host == 'mmaction' and 'cls_head' in owner)


def _names(owner: Any) -> list[str]:
    return [
        key
        for key, value in owner.items()
        if key.endswith('head') and isinstance(value, (dict, list)) and value
    ]


def read_channels(owner: Any) -> list[int]:
    """Channels that a neck or head says it takes; [] if it does not."""
    parts = [owner.get('neck'), *(owner[name] for name in _names(owner))]
    for part in parts:
        first = part[0] if isinstance(part, list) else part or {}
        found = first.get('in_channels')
        if isinstance(found, int):
            return [found]
        if found and 1 <= len(found) <= 4:
            return list(found)
    return []


def unpacked(host: str, out: Any) -> Any:
    """Maps of a neck; those of mmaction return losses beside them."""
    if host == 'mmaction' and isinstance(out, tuple) and len(out) == 2:
        return out[0]
    return out


def fit(
    stock: Stock, owner: Any, image: Tensor, old: Any, new: Any
) -> tuple[list[Any], list[str]]:
    """Set the channels of heads, and run them.

    Args:
        stock: Whose model it is.
        owner: The part that holds backbone and heads; changed.
        image: What the backbone gets.
        old: What the heads got.
        new: What they get.

    Returns:
        tuple: What the heads that ran return, or the maps if none had to run;
            and notes.

    Raises:
        TiedBackboneError: The head is a stage of the old backbone.
        ValueError: A head does not fit.
    """
    host = stock.host
    notes: list[str] = []
    outs: list[Any] = []
    if 'shared_head' in (owner.get('roi_head') or {}):
        kind = owner['roi_head']['shared_head']['type']
        raise TiedBackboneError(
            f'roi_head.shared_head ({kind}) is made for the maps of the old '
            'backbone, often as a stage of it; swap a config without it'
        )
    channels = [maps.channels(value) for value in (old, new)]
    sizes = [
        [tuple(t.shape[2:])[-2:] for t in maps.tensors(value)]
        for value in (old, new)
    ]
    if sizes[0] == sizes[1] and channels[0] == channels[1]:
        return [new], notes
    if sizes[0] != sizes[1] and host != 'mmpose' and 'cls_head' not in owner:
        what = _strides_note(image, old, new)
        if host != 'mmseg':
            raise ValueError(what)
        notes.append(what)
    for name in _names(owner):
        before = owner[name]
        owner[name] = after = with_channels(before, *channels)
        if host == 'mmpose':
            notes += _upsample(after, _heatmap_size(stock, after)[0], new)
        if host == 'mmaction' and after.get('spatial_type', '') is None:
            after.update(spatial_type='avg')
            notes.append(f'{name} pools our map: the old backbone gave none')
        if name == 'roi_head':
            continue  # runs on boxes; built with the whole
        done, told = _checked(stock, name, (before, after), (old, new))
        outs += done
        notes += told
    return outs or [new], notes


def _strides_note(image: Tensor, old: Any, new: Any) -> str:
    before, after = (
        ', '.join(f'{stride:g}' for stride in maps.strides(value, image))
        for value in (old, new)
    )
    return f'the heads get maps of strides {after}, where they had {before}'


def _heatmap_size(stock: Stock, head: Any) -> tuple[int, int]:
    """Height and width of the targets; zeros if nothing says them."""
    codec = stock.config.get('codec')
    codec = codec if isinstance(codec, dict) else head.get('decoder') or {}
    size = list(codec.get('heatmap_size') or ())
    return (size[1], size[0]) if len(size) == 2 else (0, 0)


def _upsample(head: Any, wanted: int, new: Any) -> list[str]:
    """Let a head that was over a finer map upsample ours to its heatmaps."""
    height = maps.tensors(new)[-1].shape[-2]
    layers = len(head.get('deconv_out_channels') or ())
    if 'deconv_out_channels' not in head or height * 2**layers >= wanted:
        return []
    layers = round(math.log2(wanted / height))
    head.update(
        deconv_out_channels=(256,) * layers, deconv_kernel_sizes=(4,) * layers
    )
    return [
        f'{head["type"]} upsamples our map by {layers} deconvolutions, from '
        f'{height} to {wanted} rows'
    ]


def _checked(
    stock: Stock, name: str, head: tuple[Any, Any], values: tuple[Any, Any]
) -> tuple[list[Any], list[str]]:
    """Run a head, or a cascade of them, and compare the shapes it gives.

    ``head`` is as it was and as it is, ``values`` what they get.
    """
    host, after, new = stock.host, head[1], values[1]
    try:
        got = _run_all(host, after, new)
    except NotImplementedError as error:  # an op that is not there
        return [], [f'{name} is built, but was not run: {error}']
    except Exception as error:
        raise ValueError(
            f'{name} ({_kind(after)}) does not take our maps '
            f'({maps.describe(new)}): {maps.failure(error)}'
        ) from error
    if host == 'mmpose':
        _check_heatmap(stock, name, head, values, got)
    return got, []


def _check_heatmap(
    stock: Stock,
    name: str,
    head: tuple[Any, Any],
    values: tuple[Any, Any],
    got: list[Any],
) -> None:
    """Heatmaps must be of the targets' size, else as they were."""
    first = maps.tensors(got)[0]
    size: Any = tuple(first.shape[-2:])
    wanted: Any = _heatmap_size(stock, head[1])
    if first.ndim != 4 or not any(wanted):
        size = maps.describe(got)
        wanted = maps.describe(_run_all(stock.host, head[0], values[0]))
    if size != wanted:
        raise ValueError(
            f'{name} ({_kind(head[1])}) gives {size} from our maps, where '
            f'{wanted} is wanted: change heatmap_size in the codec, or '
            'upsample in the head'
        )


def _run_all(host: str, head: Any, values: Any) -> list[Any]:
    """What one head gives, or each of a cascade, from the same maps."""
    outs: list[Any] = []
    sides = [8 * side for side in maps.tensors(values)[0].shape[-2:]]
    sample = SimpleNamespace(
        metainfo=dict.fromkeys(
            ('img_shape', 'batch_input_shape', 'pad_shape'), tuple(sides)
        )
    )
    for part in head if isinstance(head, list) else [head]:
        segments = part.get('num_segments', SEGMENTS)
        options = {
            'batch_data_samples': [sample],
            'batch_img_metas': [sample.metainfo],
            'num_segs': segments,
        }
        if outs:
            options['prev_output'] = outs[-1]
        out = maps.run(host, part, values, **options)
        if out is not None:
            outs.append(out)
    return outs


def _kind(head: Any) -> str:
    parts = head if isinstance(head, list) else [head]
    return ', '.join(str(part['type']) for part in parts)


def check_whole(stock: Stock, owner: Any, theirs: Any) -> list[str]:
    """Build the whole model; what builds with neither backbone is noted.

    Raises:
        ValueError: It builds with its own backbone alone.
    """
    model = stock.config.model
    try:
        maps.build(stock.host, model)
    except Exception as error:
        ours, owner['backbone'] = owner['backbone'], theirs
        try:
            maps.build(stock.host, copy.deepcopy(model))
        except Exception:
            package = missing_in(error)
            lack = f'; {advice([package.module])}' if package else ''
            return [
                'the model could not be built here, with its own backbone '
                f'neither: {maps.failure(error)}{lack}'
            ]
        finally:
            owner['backbone'] = ours
        raise ValueError(
            f"{model['type']} can't be built with our backbone: "
            f'{maps.failure(error)}'
        ) from error
    return []
