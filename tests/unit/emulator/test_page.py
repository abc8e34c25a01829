"""The page, as a browser shows it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from northflank_emulator import Outcome

pytestmark = pytest.mark.slow
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@pytest.fixture
def shown(tmp_path):
    """Return the document of a page after a browser has rendered it."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed: the page cannot be looked at in a browser")

    def show(url: str) -> str:
        done = subprocess.run(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
                f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", url,
            ],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout

    return show


def test_a_browser_shows_jobs_runs_and_their_logs(stage, shown):
    it = stage(outcomes=[Outcome(lines=("epoch 1 of 8", "<b>not bold</b>"), exit_codes=(3,))])
    it.job("nightly report")
    run = it.start("nightly-report")
    it.concluded(run, "nightly-report")

    overview = shown(f"{it.emulator.base_url}/")
    page = shown(f"{it.emulator.base_url}/runs/demo/nightly-report/{run}")

    assert "nightly report" in overview
    assert '<span class="badge failed">failed</span>' in overview
    assert "epoch 1 of 8" in page
    assert "&lt;b&gt;not bold&lt;/b&gt;" in page


def test_a_page_without_runs_does_not_reload(stage, shown):
    it = stage(outcomes=[])

    overview = shown(f"{it.emulator.base_url}/")

    assert "No jobs yet." in overview
    assert "nothing runs: reload to update" in overview
