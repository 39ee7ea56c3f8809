"""What was tried to break the suite, and what came of it."""
