"""A real browser for tests: where there is none they are left out, but not in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

try:
    from playwright import sync_api as playwright
except ImportError:
    playwright = None

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NO_BROWSER = "the page is not tested in a browser: no chromium on the path, or no playwright"


def leave_out(reason: str) -> None:
    """Leave the test out, but not in CI."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def need_browser() -> None:
    """Leave the test out where there is no browser."""
    if CHROMIUM is None or playwright is None:
        leave_out(NO_BROWSER)


@contextmanager
def open_chromium() -> Iterator[Any]:
    """A browser, until the block ends."""
    need_browser()
    playwright.expect.set_options(timeout=30_000)
    with playwright.sync_playwright() as kit:
        opened = kit.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()
