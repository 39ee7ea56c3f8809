"""What is installed, whether it works, and what to do.

``probe`` uses each module of the stack once, ``facts`` gathers its answers and
what ``installation`` knows, ``breakages`` knows what goes wrong, ``releases``
what fits, ``report`` tells it all, and ``advice`` tells who meets an error
first. Nothing here needs more than the standard library.
"""
