"""What stands behind the backbones; importing this registers it."""

from uniformer_mm.necks.class_token import ClassTokenNeck

__all__ = ['ClassTokenNeck']
