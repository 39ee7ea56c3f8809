"""What is run in a checkout: python -m tools.NAME."""
