"""`make release`: a release is refused until tag, version, changelog and tree agree; then its distributions are built and tried."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from tests.release.rules import Clone, notes, refusals
from tests.support.distributions import ROOT

VERSION = "99.0.0"
CHANGELOG = """\
# Changelog

## Unreleased

## 1.2.0 - 2026-03-01

### Added

* Something that users notice.

## 1.1.0 - 2026-01-01

* The one before.
"""
READY = Clone(
    version="1.2.0", tags=("v1.2.0", "nightly"), earlier=("v1.1.0", "v0.9.0", "vendor"), uncommitted=(),
    changelog=CHANGELOG, today=date(2026, 3, 1),
)  # fmt: skip


def problems(clone: Clone) -> list[str]:
    return [it.problem for it in refusals(clone)]


def test_a_release_is_made_where_tag_version_changelog_and_tree_agree():
    assert problems(READY) == []
    assert problems(replace(READY, changelog=CHANGELOG.replace("1.2.0", "[1.2.0]"))) == []
    assert notes(CHANGELOG, "1.2.0").split("\n\n")[2:] == ["* Something that users notice.", ""]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"tags": ()}, "HEAD has no tag of a version."),
        ({"tags": ("v1.3.0",)}, "HEAD has the tag v1.3.0, but metaflow_prefect/version.py has 1.2.0."),
        ({"tags": ("v1.2.0", "v1.3.0")}, "HEAD has the tag v1.2.0, v1.3.0, but metaflow_prefect/version.py has 1.2.0."),
        ({"uncommitted": (" M README.md", "?? new.py")}, "The working tree differs from HEAD:\n   M README.md\n  ?? new.py"),
        ({"earlier": ("v1.1.0", "v1.10.0")}, "Version 1.2.0 does not follow 1.10.0, which has a tag already."),
        ({"changelog": CHANGELOG.replace("## Unreleased\n", "## Unreleased\n\n* Forgotten.\n")}, "CHANGELOG.md still has entries under Unreleased."),
        ({"changelog": CHANGELOG.replace("1.2.0 - 2026-03-01", "1.2.0")}, "CHANGELOG.md has no section of 1.2.0 with its date."),
        ({"changelog": CHANGELOG.replace("2026-03-01", "2026-02-30")}, "CHANGELOG.md dates 1.2.0 2026-02-30, which is not a day in the past."),
        ({"today": date(2026, 2, 28)}, "CHANGELOG.md dates 1.2.0 2026-03-01, which is not a day in the past."),
        ({"changelog": CHANGELOG.replace("## Unreleased\n", "## 1.3.0 - 2026-02-01\n\n* Other.\n")}, "CHANGELOG.md has 1.3.0 above 1.2.0."),
        ({"changelog": CHANGELOG.replace("* Something that users notice.\n", "")}, "CHANGELOG.md says nothing about 1.2.0."),
    ],
)  # fmt: skip
def test_what_does_not_agree_is_refused(changed, problem):
    assert problems(replace(READY, **changed)) == [problem]


@pytest.mark.parametrize("version", ["v1.2.0", "1.2.0.dev3", "1.2.0+g123", "1.2.0-rc1", "soon"])
def test_what_is_not_the_version_of_a_release_is_refused(version):
    changelog = CHANGELOG.replace("1.2.0", version)
    clone = replace(READY, version=version, tags=(f"v{version}",), changelog=changelog)

    expected = (
        f"metaflow_prefect/version.py has {version!r}, which is not the version of a release."
    )
    assert problems(clone) == [expected]


def test_everything_is_refused_at_once_with_what_to_do():
    found = refusals(replace(READY, tags=(), uncommitted=("?? x",), changelog="# Changelog\n"))

    assert [it.fix for it in found] == [
        "commit or remove what is listed",
        "once all else is right: git tag --annotate v1.2.0 --message 'Release 1.2.0'",
        "write `## 1.2.0 - 2026-03-01`",
    ]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """Commit the files of this clone to a new repository, with the version and the changelog of a release, and without a tag."""
    folder = tmp_path_factory.mktemp("clone")
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    today = datetime.now(timezone.utc).date().isoformat()
    (folder / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## {VERSION} - {today}\n\n* Everything.\n"
    )
    version = folder / "metaflow_prefect/version.py"
    version.write_text(re.sub('"(.+)"$', f'"{VERSION}"', version.read_text()))
    git(folder, "init")
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "Everything")
    return folder


def git(folder: Path, *words: str) -> str:
    author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True, text=True)  # fmt: skip
    return done.stdout


def release(clone: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.release", "--linked-dependencies"],
        cwd=clone, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_make_release_refuses_without_a_tag_then_builds_and_tries_both(clone):
    refused = release(clone)
    assert (refused.returncode, refused.stderr) == (1, "")
    assert refused.stdout.count("\n* ") == 1
    assert f"git tag --annotate v{VERSION} " in refused.stdout
    assert not (clone / "dist").exists()

    git(clone, "tag", f"v{VERSION}")
    made = release(clone)

    assert made.returncode == 0, made.stdout + made.stderr
    names = [
        f"metaflow_prefect_northflank-{VERSION}{end}" for end in ("-py3-none-any.whl", ".tar.gz")
    ]
    assert sorted(it.name for it in (clone / "dist" / VERSION).iterdir()) == names
    assert made.stdout.count("works: python branch_flow.py prefect create") == 2
    assert made.stdout.count("works: python branch_flow.py prefect run") == 1
    assert f"git push origin v{VERSION}" in made.stdout
    assert git(clone, "status", "--porcelain") == ""
