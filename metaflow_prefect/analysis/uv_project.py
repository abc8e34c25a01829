"""The uv project of a flow under --environment=uv: which of its files travel, and whether its lock fits; knows uv's file formats."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from metaflow_prefect.analysis.code import GENERATED_MARK
from metaflow_prefect.errors import Finding

ENVIRONMENT = "uv"
"""The value of Metaflow's `--environment` under which the packages of the flow are those of its uv project."""

_PROJECT, _LOCK = "pyproject.toml", "uv.lock"
_BUILD_FILES = (_PROJECT, "setup.py", "setup.cfg", "MANIFEST.in", "hatch_build.py")
"""What the build of a package reads beside its sources."""

_OURS = "metaflow-prefect-northflank"
"""No step needs this package: a run brings its runtime along."""

_RELOCK = "bring it up to date: `uv lock`"

PASSWORD_IN_ADDRESS = re.compile(r"://[^/\s\"'@:$]*:[^/\s\"'@$]+@")
"""A password in an address; `${NAME}` is a variable's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UvProject:
    """What a run needs to make the project's environment.

    `files` are by path relative to the folder of the lock. `folder` is the project's own in there: "." unless it is
    a member of a workspace. `requires_python` is empty where the project takes any Python.
    """

    files: Mapping[str, bytes]
    folder: str
    requires_python: str

    @property
    def beside_the_flow(self) -> dict[str, bytes]:
        """The files that Metaflow puts beside the flow, where its steps may read them."""
        return {
            _PROJECT: self.files[PurePosixPath(self.folder, _PROJECT).as_posix()],
            _LOCK: self.files[_LOCK],
        }


@dataclass(frozen=True, slots=True)
class _Files:
    """The two files as they were found: `project` may be a member of the workspace that `lock` is of."""

    project: Path
    lock: Path

    @property
    def root(self) -> Path:
        return self.lock.parent


def examine(
    folder: Path, suffixes: tuple[str, ...]
) -> tuple[UvProject | None, tuple[Finding, ...]]:
    """Return the project to which *folder* belongs, and what is wrong with it; sources have one of *suffixes*."""
    import tomli

    found, missing = _find(folder)
    if found is None:
        return None, missing
    try:
        project, lock = (
            tomli.loads(file.read_text("utf-8")) for file in (found.project, found.lock)
        )
    except (OSError, ValueError) as error:
        return None, (
            _finding(f"the project's files can't be read ({error})", "correct them; " + _RELOCK),
        )
    findings = (*_stale(project, lock), *_outside(found, lock))
    if findings:
        return None, findings
    if exposed := tuple(_with_credentials(found)):
        return None, exposed
    wanted = {
        found.lock,
        found.project,
        found.root / _PROJECT,
        *_local_files(found.root, lock, suffixes),
    }
    contents = {file: file.read_bytes() for file in sorted(wanted) if file.is_file()}
    return UvProject(
        files={
            file.relative_to(found.root).as_posix(): content
            for file, content in contents.items()
            if not content.startswith(GENERATED_MARK)
        },
        folder=found.project.parent.relative_to(found.root).as_posix(),
        requires_python=str(project["project"].get("requires-python", "")),
    ), ()


def _find(folder: Path) -> tuple[_Files | None, tuple[Finding, ...]]:
    """Find the files where Metaflow does (`UVEnvironment.add_to_package`): here or above."""
    project, lock = (_upward(folder, name) for name in (_PROJECT, _LOCK))
    if project is not None and lock is not None and project.is_relative_to(lock.parent):
        return _Files(project, lock), ()
    if project is not None:
        lock = None  # one further down than the project is another project's
    absent = " and ".join(
        name for name, file in ((_PROJECT, project), (_LOCK, lock)) if file is None
    )
    remedy = (
        "run `uv lock` in the project"
        if project is not None
        else "begin a project: `uv init --bare`, `uv add metaflow`"
    )
    return None, (
        _finding(
            f"there is no {absent} in {folder} or above it, from which a run could make the project's environment",
            f"{remedy}; or change to the project's folder",
        ),
    )


def _upward(folder: Path, name: str) -> Path | None:
    return next(
        (place / name for place in (folder, *folder.parents) if (place / name).is_file()), None
    )


def _stale(project: Mapping[str, Any], lock: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield how the lock differs from what the project asks for; needs neither uv nor an index."""
    from packaging.utils import canonicalize_name

    table = project.get("project")
    if not isinstance(table, dict) or "name" not in table:
        yield _finding(f"{_PROJECT} has no [project] with a name", "begin a project with `uv init`")
        return
    name = canonicalize_name(table["name"])
    locked = next((it for it in lock.get("package", ()) if it.get("name") == name), None)
    if locked is None:
        yield _finding(
            f"{_LOCK} is not the lock of this project: it has no package {name}", _RELOCK
        )
        return
    asked = str(table.get("requires-python", ""))
    held = str(lock.get("requires-python", ""))
    if len(lock.get("manifest", {}).get("members", ())) < 2 and not _same_pythons(asked, held):  # noqa: PLR2004  of a workspace uv locks what all members take
        yield _finding(
            f"{_LOCK} is out of date: it is for Python {held or 'of any version'}, "
            f"and {_PROJECT} has requires-python = {asked!r}",
            _RELOCK,
        )
    changed = sorted(_asked(table) ^ _held(locked)) if not table.get("dynamic") else []
    if changed:
        packages = ", ".join(dict.fromkeys(text.split(" ")[0] for text in changed))
        yield _finding(
            f"{_LOCK} is out of date: {_PROJECT} asks for other versions than it has of {packages}",
            _RELOCK,
        )


def _same_pythons(one: str, other: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(one) == SpecifierSet(other)
    except InvalidSpecifier:
        return False


def _asked(table: Mapping[str, Any]) -> frozenset[str]:
    """Return the project's requirements as texts that are equal where the requirements are; markers left out.

    uv rewrites markers in its lock.
    """
    of_extras = table.get("optional-dependencies", {}).values()
    texts = (*table.get("dependencies", ()), *(text for texts in of_extras for text in texts))
    return frozenset(filter(None, map(_requirement, texts)))


def _requirement(text: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return text
    return _as_text(requirement.name, requirement.extras, str(requirement.specifier))


def _held(package: Mapping[str, Any]) -> frozenset[str]:
    """Return the same of the lock's entry of the project."""
    return frozenset(
        _as_text(it["name"], it.get("extras", ()), it.get("specifier", ""))
        for it in package.get("metadata", {}).get("requires-dist", ())
    )


def _as_text(name: str, extras: Any, specifier: str) -> str:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.utils import canonicalize_name

    try:
        ordered = sorted(str(it) for it in SpecifierSet(specifier))
    except InvalidSpecifier:
        ordered = [specifier]
    return f"{canonicalize_name(name)} [{','.join(sorted(map(canonicalize_name, extras)))}] {','.join(ordered)}"


def _local(lock: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, kind of source and path of each package in the lock that comes from this machine's files."""
    for package in lock.get("package", ()):
        for kind in ("virtual", "editable", "directory", "path"):
            path = package.get("source", {}).get(kind)
            if path is not None and package["name"] != _OURS:
                yield str(package["name"]), kind, str(path)


def _outside(found: _Files, lock: Mapping[str, Any]) -> Iterator[Finding]:
    """Refuse packages beside or above the project, whose files would not travel."""
    for name, _, path in _local(lock):
        place = Path(os.path.normpath(found.root / path))
        if not place.is_relative_to(found.root):
            yield _finding(
                f"its package {name} is at {path}, outside the project's folder, and would not travel with the flow",
                f"move {name} into the project (a member of a uv workspace), or install it from an index or a repository",
            )


def _with_credentials(found: _Files) -> Iterator[Finding]:
    """Refuse passwords in addresses: the files become part of the deployment."""
    for file in dict.fromkeys((found.project, found.root / _PROJECT, found.lock)):
        if file.is_file() and PASSWORD_IN_ADDRESS.search(file.read_text("utf-8")):
            yield _finding(
                f"{file.name} has an address with a password in it, and would carry it into the deployment",
                "write the address without it, give the index a name, and set UV_INDEX_<NAME>_USERNAME and "
                "UV_INDEX_<NAME>_PASSWORD: here in your environment, for containers in a secret group",
            )


def _local_files(root: Path, lock: Mapping[str, Any], suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files from which uv builds the packages that the project consists of."""
    from metaflow.packaging_sys.utils import suffix_filter, walk

    for _, kind, path in _local(lock):
        place = root / path
        if kind == "path":
            yield Path(os.path.normpath(place))
            continue
        folder = Path(os.path.normpath(place))
        yield folder / _PROJECT
        if kind != "virtual":  # of which nothing is built
            yield from (folder / name for name in _BUILD_FILES)
            yield from _described(folder)
            for file, _ in walk(f"{folder}/", file_filter=suffix_filter(sorted(suffixes))):
                yield Path(file)


def _described(folder: Path) -> Iterator[Path]:
    """Yield the files that a package's description names, and without which it can't be built."""
    import tomli

    try:
        table = tomli.loads((folder / _PROJECT).read_text("utf-8")).get("project", {})
    except (OSError, ValueError):  # uv says so when it builds the package
        return
    for value in (table.get("readme"), table.get("license")):
        name = value.get("file") if isinstance(value, dict) else value
        if isinstance(name, str) and (folder / name).is_file():
            yield folder / name
    for pattern in table.get("license-files", ()):
        yield from folder.glob(str(pattern))


def _finding(reason: str, remedy: str) -> Finding:
    return Finding(
        where="flow", feature=f"--environment={ENVIRONMENT}", reason=reason, remedy=remedy
    )
