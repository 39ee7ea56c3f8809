"""How Sphinx makes a site of the documents.

    python -m sphinx -W -b html docs work_dirs/site

The pages are written for GitHub, where their links lead to files of the
repository. On the site a link to a file that is a page leads to that page, and
one to any other file to a copy of it.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
INCLUDED = re.compile(r'^```\{include\} (\S+)$', re.MULTILINE)
LINK = re.compile(r'(?<=\]\()(?P<file>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))')

project = 'uniformer_mm'
author = 'the uniformer_mm authors'
version = release = version_of('uniformer_mm')

extensions = [
    'myst_nb',  # Markdown and notebooks
    'sphinx.ext.autodoc',
    'sphinx.ext.autosummary',
    'sphinx.ext.napoleon',  # docstrings in Google's style
    'sphinx.ext.viewcode',
]

html_theme = 'furo'
html_title = f'uniformer_mm {release}'
html_show_copyright = False
toc_object_entries_show_parents = 'hide'

myst_heading_anchors = 3
myst_enable_extensions = ['colon_fence']

# Notebooks are run where one has changed, and must run without an error.
nb_execution_mode = 'cache'
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

autodoc_typehints = 'none'  # the docstrings say types
autodoc_member_order = 'bysource'
autosummary_generate = False  # one page, no page per name
napoleon_use_rtype = False
napoleon_use_ivar = True  # attributes that are properties stand once

# Files elsewhere in the repository -> the page that shows them.
PAGES = {
    (page.parent / file).resolve(): page
    for page in HERE.rglob('*.md')
    for file in INCLUDED.findall(page.read_text(encoding='utf-8'))
}


def as_on_site(text: str, folder: Path, page: Path) -> str:
    """Return a text, whose links start in ``folder``, as a part of a page."""

    def moved(link: re.Match[str]) -> str:
        file = (folder / link['file']).resolve()
        if not file.exists():  # of the web, or no link
            return link[0]
        target = os.path.relpath(PAGES.get(file, file), page.parent)
        return Path(target).as_posix() + (link['anchor'] or '')

    return LINK.sub(moved, text)


def read_page(app: Any, docname: str, source: list[str]) -> None:
    """Turn the links of a page."""
    page = Path(app.env.doc2path(docname))
    source[0] = as_on_site(source[0], page.parent, page)


def read_included(app: Any, file: Path, _: str, source: list[str]) -> None:
    """Turn the links of a file that a page includes."""
    page = Path(app.env.doc2path(app.env.docname))
    source[0] = as_on_site(source[0], (HERE / file).parent, page)


def setup(app: Any) -> None:
    """Join the build."""
    app.connect('source-read', read_page)
    app.connect('include-read', read_included)
