"""The version before this one: the last release that this commit follows, taken from the history of the clone."""

from __future__ import annotations

import subprocess
from pathlib import Path

from metaflow_prefect.version import VERSION
from tests.support.distributions import ROOT, build_wheel

BEFORE_ANY_RELEASE = "dd5a1322d759eb78fc1cebb45036f97c3497c9a8"
"""The commit that counts as the version before while no release has a tag: the last one before upgrades were tested."""


def commit() -> str | None:
    """Return the commit of the version before; None where the history of this folder does not have it."""
    releases = _git("tag", "--merged", "HEAD", "--sort=-version:refname", "--list", "v[0-9]*")
    earlier = [tag for tag in (releases or "").split() if tag != f"v{VERSION}"]
    return _git("rev-parse", "--quiet", "--verify", f"{next(iter(earlier), BEFORE_ANY_RELEASE)}^{{commit}}")  # fmt: skip


def wheel(of: str, folder: Path) -> Path:
    """Build the wheel of the commit *of* in *folder*."""
    sources = folder / "sources"
    sources.mkdir()
    archive = subprocess.run(["git", "archive", of], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=sources, input=archive.stdout, check=True)
    return build_wheel(sources, folder / "wheel")


def _git(*words: str) -> str | None:
    """Return what git prints; None if it refuses, or is not there."""
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # fmt: skip
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
