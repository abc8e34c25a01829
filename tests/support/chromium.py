"""A Chromium of this machine; nothing is downloaded. Tests that look at pages are skipped where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def running_chromium() -> Iterator[Any]:
    """Run the browser (Debian: `apt-get install chromium`; elsewhere name it with CHROMIUM), or skip the test."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install '.[browser]')"
    )
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium: apt-get install chromium, or set CHROMIUM to one")
    with playwright.sync_playwright() as started:
        # Its own sandbox needs rights that containers don't have; it only sees pages of this machine. Without a
        # software renderer of its own the icons of Prefect's graph are black squares.
        arguments = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        chromium = started.chromium.launch(executable_path=program, args=arguments)
        yield chromium
        chromium.close()
