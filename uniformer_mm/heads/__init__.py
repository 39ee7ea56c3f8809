"""Heads of classifiers with a second loss, for mmpretrain."""

from uniformer_mm.heads.light import LightClsHead
from uniformer_mm.heads.token_label import TokenLabelClsHead

__all__ = ['LightClsHead', 'TokenLabelClsHead']
