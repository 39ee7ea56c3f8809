"""A page of ours in a headless Chromium of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome')


@contextmanager
def opened(address: str) -> Iterator[Any]:
    """Open a page; fail if it asks for anything of other machines."""
    api = pytest.importorskip('playwright.sync_api')
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f'none of {NAMES} is installed')
    outside: list[str] = []

    def look(request: Any) -> None:
        if not request.url.startswith((address, 'data:', 'blob:')):
            outside.append(request.url)

    with api.sync_playwright() as playwright:
        # In containers there is no sandbox to be had.
        browser = playwright.chromium.launch(
            executable_path=found, args=['--no-sandbox']
        )
        page = browser.new_page(viewport={'width': 1160, 'height': 900})
        page.set_default_timeout(60_000)
        page.on('request', look)
        page.goto(address)
        yield page
        browser.close()
    assert not outside
