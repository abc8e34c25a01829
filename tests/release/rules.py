"""What must agree before a release is built: the tag, the version, the changelog, the working tree; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from packaging.version import InvalidVersion, Version

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_DATED = re.compile(r"\[?(?P<version>[^\]\s]+)\]? - (?P<date>\d{4}-\d{2}-\d{2})")
_UNRELEASED = "Unreleased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """What a release is made from: `version` is that of metaflow_prefect/version.py.

    `tags` are those on HEAD, `earlier` all other tags that HEAD follows. `uncommitted` are lines of `git status`.
    """

    version: str
    tags: tuple[str, ...]
    earlier: tuple[str, ...]
    uncommitted: tuple[str, ...]
    changelog: str
    today: date


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no release, and what to do about it."""

    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.problem}\n  Fix: {self.fix}"


def refusals(clone: Clone) -> tuple[Refusal, ...]:
    """Return everything that speaks against the release, at once."""
    return (*_of_tree(clone), *_of_version(clone), *_of_tag(clone), *_of_changelog(clone))


def notes(changelog: str, version: str) -> str:
    """Return the section of *version* in the changelog, without its heading; empty if there is none."""
    for heading, text in _sections(changelog):
        found = _DATED.fullmatch(heading)
        if found and found["version"] == version:
            return text
    return ""


def _of_tree(clone: Clone) -> Iterator[Refusal]:
    if clone.uncommitted:
        listed = "".join(f"\n  {line}" for line in clone.uncommitted)
        yield Refusal(
            f"The working tree differs from HEAD:{listed}", "commit or remove what is listed"
        )


def _of_version(clone: Clone) -> Iterator[Refusal]:
    version = _parsed(clone.version)
    if version is None or str(version) != clone.version or version.is_devrelease or version.local:
        yield Refusal(
            f"metaflow_prefect/version.py has {clone.version!r}, which is not the version of a release.",
            "write it as 1.2.3, or 1.2.3rc1 before 1.2.3, then run `make golden` and commit both",
        )
        return
    later = sorted(filter(None, map(_parsed, (tag.removeprefix("v") for tag in clone.earlier))))
    if later and later[-1] >= version:
        yield Refusal(
            f"Version {clone.version} does not follow {later[-1]}, which has a tag already.",
            "choose a higher version in metaflow_prefect/version.py, then run `make golden` and commit both",
        )


def _of_tag(clone: Clone) -> Iterator[Refusal]:
    wanted = f"v{clone.version}"
    tags = [tag for tag in clone.tags if tag.startswith("v")]
    if not tags:
        yield Refusal(
            "HEAD has no tag of a version.",
            f"once all else is right: git tag --annotate {wanted} --message 'Release {clone.version}'",
        )
    elif tags != [wanted]:
        yield Refusal(
            f"HEAD has the tag {', '.join(tags)}, but metaflow_prefect/version.py has {clone.version}.",
            f"delete the wrong tag (git tag --delete …), or correct the version; the tag is {wanted}",
        )


def _of_changelog(clone: Clone) -> Iterator[Refusal]:
    sections = _sections(clone.changelog)
    heading = f"## {clone.version} - {clone.today.isoformat()}"
    for name, text in sections:
        if name.strip("[]") == _UNRELEASED and _entries(text):
            yield Refusal(
                "CHANGELOG.md still has entries under Unreleased.",
                f"make it the version's section: `{heading}`",
            )
    dated = [found for name, _ in sections if (found := _DATED.fullmatch(name))]
    own = [found for found in dated if found["version"] == clone.version]
    if not own:
        yield Refusal(
            f"CHANGELOG.md has no section of {clone.version} with its date.", f"write `{heading}`"
        )
        return
    day = _day(own[0]["date"])
    if day is None or day > clone.today:
        yield Refusal(
            f"CHANGELOG.md dates {clone.version} {own[0]['date']}, which is not a day in the past.",
            f"write `{heading}`",
        )
    if own[0] is not dated[0]:
        yield Refusal(
            f"CHANGELOG.md has {dated[0]['version']} above {clone.version}.",
            "put the latest version first",
        )
    if not _entries(notes(clone.changelog, clone.version)):
        yield Refusal(
            f"CHANGELOG.md says nothing about {clone.version}.", "say what users notice, as a list"
        )


def _sections(changelog: str) -> list[tuple[str, str]]:
    """Return heading and text of each section, in their order."""
    _, *parts = _HEADING.split(changelog)
    return list(zip(parts[::2], parts[1::2], strict=True))


def _entries(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("* ", "- "))]


def _parsed(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
