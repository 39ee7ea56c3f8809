"""Exported models: what their files say, and running them."""

from uniformer_mm.runtimes.card import Card
from uniformer_mm.runtimes.session import SUFFIXES, Session, open_session

__all__ = ['SUFFIXES', 'Card', 'Session', 'open_session']
