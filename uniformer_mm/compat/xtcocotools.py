"""Stand-in for the package ``xtcocotools``, over ``pycocotools``.

mmpose imports xtcocotools 1.14, whose wheels exist for Python 3.11 and older
alone. What mmpose uses of it, the modules ``coco``, ``cocoeval`` and ``mask``,
is in the files ``xtcocotools_*.py`` beside this one, and gives the original's
figures. Where the original is installed and only its compiled module does not
load (it is built for NumPy 1), ``xtcocotools_compiled`` takes the place of
that module, and the rest stays the original's.
"""

from __future__ import annotations

from importlib.util import find_spec

__all__: list[str] = []

if find_spec('pycocotools') is None:
    # With this name, programs that can do without it see that it is missing.
    raise ModuleNotFoundError(
        "No module named 'xtcocotools'. uniformer_mm stands in for it where "
        'pycocotools is installed: pip install pycocotools',
        name='xtcocotools',
    )
