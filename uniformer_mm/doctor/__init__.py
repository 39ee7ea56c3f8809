"""What is installed, whether it works, and what to do.

``probe`` uses each module of the stack once, ``facts`` gathers its answers and
the versions, ``breakages`` knows what goes wrong, ``report`` tells it all.
Nothing here needs more than the standard library.
"""
