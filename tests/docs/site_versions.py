"""Builds the documentation site of each release and of the working tree side by side: `make docs-versions`.

The theme of Zensical has a selector of versions, which reads `versions.json` in the folder above a site; Zensical itself does
not yet make that file. So this does: `build/site-versions` has a folder for each version, the file, and a page that lists
them. All of it can be copied to any web server.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

_CONFIGURATION = "zensical.toml"
_SELECTOR = '\n[project.extra.version]\nprovider = "mike"\ndefault = "latest"\n'
"""What makes the theme show its selector; the provider is the program that used to make the sites and `versions.json`."""
_UNRELEASED = "unreleased"


@dataclass(frozen=True, slots=True)
class Site:
    """One version of the site: `name` is its folder, `aliases` are other names by which the selector knows it."""

    name: str
    title: str
    aliases: tuple[str, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    parser = argparse.ArgumentParser(prog="make docs-versions", description=__doc__)
    parser.add_argument("--project", type=Path, default=Path(__file__).parents[2])
    project = parser.parse_args(arguments).project
    out = project / "build" / "site-versions"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    tags = _tags(project)
    for tag in tags:
        _build(_archived(project, tag), out / _name(tag))
    # What is not committed belongs to it, too.
    _build(_listed(project), out / _UNRELEASED)
    sites = _sites(tags)
    (out / "versions.json").write_text(_versions_json(sites), encoding="utf-8")
    (out / "index.html").write_text(_page(sites), encoding="utf-8")
    sys.stdout.write(f"{out}: {', '.join(site.title for site in sites)}\n")
    return 0


def _tags(project: Path) -> list[str]:
    """Return the tags of the versions that have a site, the latest first."""
    found = _git(project, "tag", "--list", "v[0-9]*").decode().split()
    have = [tag for tag in found if _git(project, "ls-tree", "--name-only", tag, _CONFIGURATION)]
    return sorted(have, key=lambda tag: Version(_name(tag)), reverse=True)


def _sites(tags: Sequence[str]) -> tuple[Site, ...]:
    released = [tag for tag in tags if not Version(_name(tag)).is_prerelease]
    latest = next(iter(released), None)
    return (
        *(Site(_name(tag), _name(tag), ("latest",) if tag == latest else ()) for tag in tags),
        Site(_UNRELEASED, "not yet released", () if latest else ("latest",)),
    )


def _name(tag: str) -> str:
    return tag.removeprefix("v")


def _archived(project: Path, tag: str) -> bytes:
    return _git(project, "archive", tag)


def _listed(project: Path) -> bytes:
    """Return an archive of the files of the working tree that git does not ignore."""
    listed = _git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    there = [
        name for name in listed.split(b"\0") if name and (project / os.fsdecode(name)).exists()
    ]
    packed = subprocess.run(
        ["tar", "-c", "--null", "--files-from=-"], cwd=project, input=b"\0".join(there), capture_output=True, check=True,
    )  # fmt: skip
    return packed.stdout


def _build(archive: bytes, out: Path) -> None:
    """Build the site of the packed files, strictly, with the selector, into *out*."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)
        with (Path(folder) / _CONFIGURATION).open("a", encoding="utf-8") as configuration:
            configuration.write(_SELECTOR)
        zensical = Path(sys.executable).with_name("zensical")
        subprocess.run([zensical, "build", "--strict"], cwd=folder, check=True)
        shutil.copytree(Path(folder) / "build" / "site", out)


def _versions_json(sites: Sequence[Site]) -> str:
    """Return the file that the selector reads."""
    listed = [{"version": it.name, "title": it.title, "aliases": list(it.aliases)} for it in sites]
    return json.dumps(listed, indent=2) + "\n"


def _page(sites: Sequence[Site]) -> str:
    """Return the page above the sites; it needs no script, and works where it is opened as a file."""
    items = "".join(
        f'<li><a href="{html.escape(it.name)}/index.html">{html.escape(it.title)}</a>'
        f"{' (latest)' if 'latest' in it.aliases else ''}</li>\n"
        for it in sites
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Versions of the documentation</title>\n'
        f"<h1>Versions of the documentation</h1>\n<ul>\n{items}</ul>\n</html>\n"
    )


def _git(project: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=project, capture_output=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
