"""Write the table of errors in docs/install.md from the known breakages.

Usage: python -m tools.error_table [--check]

A row is an error that an installation throws before anything of ours is
imported, and what ``uniformer-mm doctor`` says of it. With --check nothing is
written, and the exit code is 1 if the table is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tools.generated import markdown_table, run
from uniformer_mm.doctor.advice import explain
from uniformer_mm.doctor.installation import Facts

INSTALL = Path(__file__).parents[1] / 'docs/install.md'
TOOL = 'tools.error_table'

NEEDED = {'torch': '2.9.1', 'mmcv-lite': '2.1.0', 'opencv-python': '4.11.0.86'}
ERRORS: Mapping[str, Mapping[str, str]] = {
    'MMCV==2.2.0 is used but incompatible': {
        'mmdet': '3.3.0',
        'mmcv-lite': '2.2.0',
    },
    'MMCV==2.1.0 is used but incompatible': {'mmdet': '2.28.2'},
    "module 'mmcv' has no attribute '__version__'": {},
    "module 'cv2' has no attribute 'IMREAD_COLOR'": {},
    'libGL.so.1: cannot open shared object file': {},
    'DLL load failed while importing cv2': {},
    'numpy.core.multiarray failed to import': {},
    'numpy.dtype size changed, may indicate binary incompatibility': {},
    'operator torchvision::nms does not exist': {},
    "partially initialized module 'torchvision' has no attribute "
    "'extension'": {},
    "No module named 'pkg_resources'": {},
    "No module named 'ftfy'": {},
}
"""Words of an error -> the versions that matter to it, over ``NEEDED``."""


def table() -> str:
    """Return the table as Markdown."""
    rows = []
    for words, versions in ERRORS.items():
        facts = Facts('3.11.7', {**NEEDED, **versions}, errors={'': words})
        name, advice = explain(words, facts)
        fix = advice.replace('<', r'\<')  # no HTML
        rows.append({'error': f'`{words}`', 'row': name, 'fix': fix})
    return markdown_table(rows)


if __name__ == '__main__':
    sys.exit(run(INSTALL, TOOL, table()))
