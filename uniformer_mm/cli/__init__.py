"""The command ``uniformer-mm``."""
