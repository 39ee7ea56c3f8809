"""What kind of model a state dict is of: its backbone, and its heads."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from uniformer_mm.weights.reading import listed

__all__ = ['HEADS', 'PREFIX', 'STAGES', 'State', 'parts_of']

STAGES = range(4)
PREFIX = 'backbone.'
# Kind of model -> how the keys begin that only it has.
HEADS: Mapping[str, re.Pattern[str]] = {
    'classifier': re.compile(
        r'(head|aux_head|head_cls|norm_cls)\.(weight|bias)$'
    ),
    'detector': re.compile(r'(rpn_head|roi_head|bbox_head|mask_head)\.'),
    'segmentor': re.compile(r'(decode_head|auxiliary_head)\.'),
    'pose': re.compile(
        r'(keypoint_head|head\.(deconv_layers|conv_layers|final_layer))\.'
    ),
    'recognizer': re.compile(r'cls_head\.'),
    'image classifier': re.compile(r'head\.(fc|fc_aux|fc_cls)\.'),
}
SECOND = re.compile(r'(.+\.)(?:patch_embed|blocks)[1-4]\.')
SHARED = re.compile(r'(neck|data_preprocessor)\.')
State = Mapping[str, Tensor]


def parts_of(
    state: State,
) -> tuple[str, dict[str, Tensor], dict[str, Tensor]]:
    """Return the kind, the backbone without prefix, and the heads.

    Raises:
        ValueError: It has not one whole backbone, keys beside it are unknown,
            or heads are of several kinds.
    """
    whole = any(key.startswith(PREFIX) for key in state)
    body: dict[str, Tensor] = {}
    heads: dict[str, Tensor] = {}
    kinds: dict[str, str] = {}
    unknown = []
    for key, value in state.items():
        found = [kind for kind, head in HEADS.items() if head.match(key)]
        if found:
            kinds.setdefault(found[0], key)
            heads[key] = value
        elif key.startswith(PREFIX) or not (whole or SHARED.match(key)):
            body[key.removeprefix(PREFIX)] = value
        elif not SHARED.match(key):
            unknown.append(key)
    modules = [
        f'{m}{i + 1}' for m in ('patch_embed', 'blocks') for i in STAGES
    ]
    present = {key.split('.')[0] for key in body}
    absent = [name for name in modules if name not in present]
    if absent:
        raise ValueError(
            f'not a UniFormer file: it has no {listed(absent)}; {_hint(state)}'
        )
    if any(SECOND.match(key) for key in (*body, *unknown)):
        raise ValueError(
            'not a UniFormer file: there is more than one backbone in it; '
            f'{_hint(state)}'
        )
    if unknown:
        raise ValueError(
            f'not a UniFormer file: unknown {listed(unknown)} next to the '
            f'backbone; known are neck and the heads of {list(HEADS)}'
        )
    if len(kinds) > 1:
        raise ValueError(
            'not a UniFormer file: heads of more than one kind of model, '
            f'{listed(list(kinds.values()))}'
        )
    return next(iter(kinds), 'backbone'), body, heads


def _hint(state: State) -> str:
    """Return the likely reason why ``state`` has no backbone."""
    if any(key.endswith('_flat_param') for key in state):
        return (
            'it is sharded as FSDP trains it; save it with a FULL_STATE_DICT'
        )
    found = map(SECOND.match, state)
    prefixes = {match[1]: None for match in found if match}
    prefixes.pop(PREFIX, None)
    if not prefixes:
        return f'its keys are {listed(list(state)) or "none at all"}'
    first = next(iter(prefixes))
    more = list(prefixes)[1:]
    many = f' (or with {listed(more)})' if more else ''
    return (
        f'keys begin with {first!r}{many}, which must be stripped: torch.save('
        f'{{k[{len(first)}:]: v for k, v in state.items() if k.startswith('
        f"{first!r})}}, 'one.pth')"
    )
