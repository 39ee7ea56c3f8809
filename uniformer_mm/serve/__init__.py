"""A page to try models on: ``uniformer-mm serve``."""
