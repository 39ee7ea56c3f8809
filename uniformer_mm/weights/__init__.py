"""Official weights: finding, reading, converting and loading them.

Nothing here is guessed silently: each key of a file is kept, renamed, changed
or dropped by a named rule, and what is left over is an error.
"""
