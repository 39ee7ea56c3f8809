"""Stock configs of the hosts with our backbone in place of theirs."""

from uniformer_mm.swap.make import Swap, make_swap, swap_backbone
from uniformer_mm.swap.stock import TiedBackboneError

__all__ = ['Swap', 'TiedBackboneError', 'make_swap', 'swap_backbone']
