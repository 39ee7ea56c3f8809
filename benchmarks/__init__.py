"""Speed and memory of the backbones; see README.md beside this file."""
