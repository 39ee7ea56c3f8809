"""The deployed form of a backbone, for inference alone."""

from uniformer_mm.deployed.deploy import deploy

__all__ = ['deploy']
