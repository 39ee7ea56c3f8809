"""The environments that the suite is run in, and what came out."""
