"""The same detector on our backbones and on peers, trained from scratch."""
