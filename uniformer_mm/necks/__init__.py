"""What stands behind the backbones; importing this registers it."""

from uniformer_mm.heads.class_token import ClassTokenNeck

__all__ = ['ClassTokenNeck']
