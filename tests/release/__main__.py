"""Makes a release from the tag on HEAD: checks that all agrees, builds wheel and sdist, tries both, says how to publish.

Exit code 0: the distributions are in dist/VERSION and work; 1: something speaks against the release.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from metaflow_prefect.version import VERSION
from tests.release.rules import Clone, notes, refusals
from tests.release.trial import OF_EACH, Failed, installed, trials
from tests.support.distributions import link_dependencies

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument(
        "--linked-dependencies",
        action="store_true",
        help="try the distributions with what is installed here, instead of what the package index has",
    )
    options = parser.parse_args(arguments)
    clone = _clone()
    found = refusals(clone)
    if found:
        _say(f"There is no release of {VERSION}:\n", *(f"* {it}" for it in found))
        return 1
    try:
        distributions = _build()
        _try(distributions, linked=options.linked_dependencies)
    except Failed as failed:
        _say(f"There is no release of {VERSION}: {failed}")
        return 1
    _say(_how_to_publish(distributions, clone.changelog))
    return 0


def _clone() -> Clone:
    tags = _git("tag", "--points-at", "HEAD")
    return Clone(
        version=VERSION,
        tags=tags,
        earlier=tuple(
            it for it in _git("tag", "--merged", "HEAD", "--list", "v*") if it not in tags
        ),
        uncommitted=_git("status", "--porcelain"),
        changelog=(ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        today=datetime.now(timezone.utc).date(),
    )


def _build() -> tuple[Path, ...]:
    """Build the sdist of what is committed, and the wheel from it; check that an index takes them and names the tag's version."""
    out = ROOT / "dist" / VERSION
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True
        )
        subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
        _python("-m", "build", "--installer", "uv", "--outdir", out, folder)
    built = tuple(sorted(out.iterdir()))
    name = f"metaflow_prefect_northflank-{VERSION}"
    if [it.name for it in built] != [f"{name}-py3-none-any.whl", f"{name}.tar.gz"]:
        raise Failed(f"the build has made {', '.join(it.name for it in built)}")
    _python("-m", "twine", "check", "--strict", *built)
    return built


def _try(distributions: tuple[Path, ...], *, linked: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dependencies = None
        if linked:
            (dependencies := folder / "dependencies").mkdir()
            link_dependencies(dependencies)
        for number, distribution in enumerate(distributions):
            _say(f"{distribution.name}, installed into a clean environment:")
            (own := folder / str(number)).mkdir()
            with installed(distribution, own, dependencies) as (environment, work):
                all_trials = trials(environment, work, VERSION, ROOT)
                is_wheel = distribution.suffix == ".whl"
                for trial in all_trials if is_wheel else all_trials[:OF_EACH]:
                    begun = time.monotonic()
                    trial.check()
                    _say(f"  works: {trial.name} ({time.monotonic() - begun:.1f} s)")


def _how_to_publish(distributions: tuple[Path, ...], changelog: str) -> str:
    names = " ".join(str(it.relative_to(ROOT)) for it in distributions)
    sums = "".join(
        f"  sha256 {hashlib.sha256(it.read_bytes()).hexdigest()}  {it.name}\n"
        for it in distributions
    )
    entries = sum(line.startswith(("* ", "- ")) for line in notes(changelog, VERSION).splitlines())
    return f"""
Version {VERSION} is ready, with {entries} entries in CHANGELOG.md:
{sums}
Publish it, in this order:
  git push origin v{VERSION}
  {Path(sys.executable).name} -m twine upload {names}
"""


def _python(*words: str | Path) -> None:
    """Run this Python; show what it prints only if it fails."""
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Failed(
            f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )


def _git(*words: str) -> tuple[str, ...]:
    """Return the lines that git prints."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(done.stdout.splitlines())


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
