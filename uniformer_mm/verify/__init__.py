"""Whether published weights give what the paper says."""

from uniformer_mm.verify.check import Finding, verify

__all__ = ['Finding', 'verify']
