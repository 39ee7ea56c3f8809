"""What becomes of each key of a weight file, by task: a table of rules.

What differs between the official release (mmdet 2.11, mmseg 0.13, mmpose 0.16,
a fork of SlowFast) and mmdet 3.3, mmseg 1.2, mmpose 1.3, mmaction2 1.2,
mmpretrain 1.2:

- detection, segmentation: nothing. Mask R-CNN, Cascade Mask R-CNN, Semantic
  FPN and UperNet have the same keys in both generations.
- pose: ``keypoint_head.`` is ``head.`` now. The official pose backbone has
  four output norms and uses the last.
- action: the official classifier has no parts; mmaction2 has ``backbone.``,
  which ends with the batch norm, and ``cls_head.fc_cls.``. The files that
  mmaction2 hosts are laid out so already, and its ``UniFormer`` has the keys
  of ours. The class token head of light models becomes that of
  ``ClassTokenNeck``, its norm that of a backbone with ``out_cls_token``.
- classification: the official classifier again; mmpretrain has ``backbone.``
  with the batch norm, and ``head.fc.``. Our heads have the second layer of
  light and of token-labelled models as ``head.fc_cls.`` and ``head.fc_aux.``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ['RULES', 'Rule', 'rules_for']


class Rule(NamedTuple):
    """What becomes of the keys that match.

    Attributes:
        name (str): What the keys are; the reason, where they are dropped.
        pattern (str): Matches the whole key.
        target (str | None): Key of the result, with groups of the pattern;
            None drops the key.
    """

    name: str
    pattern: str
    target: str | None


STAGES = (
    r'(?:patch_embed[1-4]|blocks[1-4]|cls_upsample)\..+|cls_token|is_deployed'
)
WHOLE_BACKBONE = Rule('backbone', r'(backbone\..+)', r'\1')
# Which heads a model may have is known to the recognition.
NECK_AND_HEADS = Rule('neck and heads', r'((?:neck|\w+_head)\..+)', r'\1')
# Made from the config of the model, never from a file.
CONSTANTS = Rule('normalisation constants', r'data_preprocessor\..+', None)
STAGES_AND_NORMS = Rule(
    'stages and norms',
    rf'(?:backbone\.)?({STAGES}|norm(?:[1-4]|_cls)?\..+)',
    r'backbone.\1',
)
RULES: Mapping[str, tuple[Rule, ...]] = {
    'backbone': (
        Rule('stages', rf'(?:backbone\.)?({STAGES})', r'\1'),
        Rule('output norms', r'(?:backbone\.)?(norm[1-4]\..+)', r'\1'),
        # The batch norm `norm` belongs to the classifier: the output norm of
        # stage 4, `norm4`, is a layer norm and starts anew.
        Rule(
            'classifier',
            r'(?:backbone\.)?norm(?:_cls)?\..+'
            r'|(?:head|aux_head|head_cls)\.(?:weight|bias)',
            None,
        ),
        Rule('not the backbone', r'(?:neck|head|\w+_head)\..+', None),
        CONSTANTS,
    ),
    'detection': (WHOLE_BACKBONE, NECK_AND_HEADS, CONSTANTS),
    'segmentation': (WHOLE_BACKBONE, NECK_AND_HEADS, CONSTANTS),
    'pose': (
        Rule('output norm not used', r'backbone\.norm[1-3]\..+', None),
        WHOLE_BACKBONE,
        Rule(
            'keypoint head',
            r'(?:keypoint_)?head\.'
            r'((?:(?:deconv|conv)_layers\.\d+|final_layer)\.\w+)',
            r'head.\1',
        ),
        CONSTANTS,
    ),
    'action': (
        STAGES_AND_NORMS,
        Rule(
            'head',
            r'(?:cls_head\.fc_cls|head)\.(weight|bias)',
            r'cls_head.fc_cls.\1',
        ),
        Rule(
            'class token head',
            r'(?:neck\.)?head_cls\.(weight|bias)',
            r'neck.head_cls.\1',
        ),
        Rule('token-labelling head', r'aux_head\.(?:weight|bias)', None),
        CONSTANTS,
    ),
    'classification': (
        STAGES_AND_NORMS,
        Rule('head', r'head\.(?:fc\.)?(weight|bias)', r'head.fc.\1'),
        Rule(
            'class token head',
            r'head(?:\.fc)?_cls\.(weight|bias)',
            r'head.fc_cls.\1',
        ),
        Rule(
            'token-labelling head',
            r'(?:aux_head|head\.fc_aux)\.(weight|bias)',
            r'head.fc_aux.\1',
        ),
        CONSTANTS,
    ),
}
"""Task -> its rules; the first that matches a key counts."""


def rules_for(modules: Iterable[str], grows: bool) -> list[Rule]:
    """Return the rules, ahead of those of a backbone, for a certain one.

    Args:
        modules: Names of what the backbone has; the rest is dropped.
        grows: Image weights are to become those of videos.
    """
    built = '|'.join(map(re.escape, modules))
    rules = [
        Rule('built', rf'(?:backbone\.)?((?:{built})(?:\..+)?)', r'\1'),
        Rule(
            'stage or norm not in the backbone',
            rf'(?:backbone\.)?(?:{STAGES}|norm[1-4]\..+)',
            None,
        ),
    ]
    if grows:
        gains = Rule('gain that only image models have', r'.+\.gamma_3', None)
        rules.insert(0, gains)
    return rules
