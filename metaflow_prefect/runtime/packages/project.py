"""The environment of a uv project: made by uv from its lock, once on a machine for the same files, and then shared."""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from metaflow_prefect.errors import InitFailed
from metaflow_prefect.runtime.packages import failures
from metaflow_prefect.runtime.packages.interpreters import here
from metaflow_prefect.runtime.packages.made_once import cache_folder, made_once
from metaflow_prefect.runtime.packages.uv import INSTALL_IT, Uv, UvFailed

_FOLDER = "projects"

_PREPARED = "UV_PROJECT_ENVIRONMENT"
"""uv's own variable for the place of a project's environment: an image names one that it brings along."""

_LOCKED = ("--frozen", "--no-dev", "--no-editable")
"""As Metaflow has uv install a project in a container; its own packages too, whose folders are gone after the run."""

_OF_OURS = re.compile(
    r'^name = "metaflow-prefect-northflank"\nversion = .*\nsource = \{ (?:editable|directory|path|virtual) ',
    re.MULTILINE,
)
"""This package in a lock, where it comes from the files of the machine that made the lock; no step needs it."""

_INCOMPATIBLE = re.compile(
    r"incompatible with the project's Python requirement|The requested interpreter"
)

_REMEDIES = (
    (
        _INCOMPATIBLE.pattern + "|No interpreter found|Querying Python|Failed to inspect Python",
        (
            "run the flow with a Python that the project accepts: where containers run it, `deploy` chooses such an image, "
            "or name one (`--image prefecthq/prefect:3-python3.13`); elsewhere install it (`uv python install`)"
        ),
    ),
    (
        r"uv\.lock.*(?:pars|schema|version)|(?:pars|schema|version).*uv\.lock",
        "use a uv that is at least as new as the one that made the lock, or make a new lock: `uv lock`",
    ),
    (
        r"Failed to build|[Bb]uild backend|Failed to prepare distributions",
        (
            "correct its build, for which only its sources are there, no data and no history of Git; if no step imports it "
            "as a package, write `package = false` below [tool.uv] of pyproject.toml, run `uv lock`, and deploy again"
        ),
    ),
)
"""What to do about the failures that only a project has: the first whose words uv says counts."""

_OTHER_FILE = "Hash mismatch"
_RELOCK = "make a new lock (`uv lock`) and deploy again; if that does not help, ask who runs the index why its file has changed"

_QUOTED_LINES = 10
"""At the beginning and at the end of what uv says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectEnvironment:
    """Makes the environment of the project in *folder*, with what Metaflow itself needs for its datastore.

    `uv` has the variables of the run; `say` writes a line for people.
    """

    folder: Path
    uv: Uv
    needed: tuple[str, ...]
    say: Callable[[str], None]

    def made(self, variables: Mapping[str, str]) -> Path:
        """Return the environment: one that the image brings along, if it has all packages, else one of the cache.

        Raises:
            UvFailed: uv cannot install the packages.
        """
        prepared = variables.get(_PREPARED)
        if prepared and self._is_complete(self.folder / prepared):
            return self.folder / prepared
        return made_once(cache_folder(variables, _FOLDER) / self._key(), self._make)

    def _is_complete(self, place: Path) -> bool:
        """Say whether nothing is missing in the environment at *place*."""
        if not (place / "pyvenv.cfg").is_file():
            return False
        python = str(place / "bin" / "python")
        try:
            self._in(place).run(
                "sync",
                *self._words(),
                "--inexact",
                "--check",
                "--python",
                python,
                folder=self.folder,
            )
            shown = self.uv.run("pip", "show", "--python", python, *map(_name, self.needed))
        except UvFailed as failed:
            self.say(
                f"The environment at {place} ({_PREPARED}) does not fit the project's lock: {failed.said}"
            )
            return False
        there = set(re.findall(r"^Name: (.*)$", shown, re.MULTILINE))
        missing = sorted({_name(package) for package in self.needed} - there)
        if missing:
            self.say(f"The environment at {place} ({_PREPARED}) lacks {', '.join(missing)}.")
        return not missing

    def _make(self, place: Path) -> None:
        self.say("uv installs the packages of the project")
        root = _root(self.folder)
        # A build may leave files beside the sources, which would then be other ones.
        with tempfile.TemporaryDirectory(prefix="metaflow-prefect-project-") as copy:
            shutil.copytree(root, copy, dirs_exist_ok=True)
            self._install(place, Path(copy) / self.folder.relative_to(root))

    def _install(self, place: Path, project: Path) -> None:
        uv, words = self._in(place), ("sync", "--quiet", *self._words())
        try:
            uv.run(*words, "--python", sys.executable, folder=project)
        except UvFailed as failed:
            if not _INCOMPATIBLE.search(failed.said):
                raise
            # Another Python that uv finds on this machine may do.
            uv.run(*words, folder=project)
        python = str(place / "bin" / "python")
        self.uv.run("pip", "install", "--quiet", "--python", python, *self.needed, folder=project)

    def _words(self) -> tuple[str, ...]:
        lock = (_root(self.folder) / "uv.lock").read_text("utf-8")
        ours = ("--no-install-package", "metaflow-prefect-northflank")
        return (*_LOCKED, *(ours if _OF_OURS.search(lock) else ()))

    def _in(self, place: Path) -> Uv:
        return replace(self.uv, environment={**self.uv.environment, _PREPARED: str(place)})

    def _key(self) -> str:
        """Return what names the content: all files of the project, the interpreter, what Metaflow needs."""
        root = _root(self.folder)
        content = hashlib.sha256()
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            for part in (file.relative_to(root).as_posix().encode(), file.read_bytes()):
                content.update(len(part).to_bytes(8, "big") + part)
        member = self.folder.relative_to(root).as_posix()
        base = Path(sys.executable).resolve()
        content.update(repr((member, str(base), platform.python_version(), self.needed)).encode())
        return content.hexdigest()[:20]


def interpreter(
    folder: str,
    needed: tuple[str, ...],
    variables: Mapping[str, str],
    say: Callable[[str], None],
) -> str:
    """Return the interpreter of the uv project in *folder*, with the packages *needed* beside its own.

    *variables* are the environment of the run.

    Raises:
        InitFailed: it cannot be made; says why, and what to do.
    """
    uv = Uv.found({"UV_PYTHON_DOWNLOADS": "never", **variables})
    if uv is None:
        raise InitFailed(
            "uv, which installs the packages of the flow's project (--environment=uv), is missing.",
            fix=INSTALL_IT,
        )
    environment = ProjectEnvironment(
        folder=Path(folder), uv=uv.installing(), needed=needed, say=say
    )
    try:
        return str(environment.made(variables) / "bin" / "python")
    except UvFailed as failed:
        raise _failure(failed.said) from None
    except OSError as error:
        raise InitFailed(
            f"The packages of the flow's uv project cannot be installed: {error}",
            fix="give the run a folder that it may write to, for example by XDG_CACHE_HOME",
        ) from error


def _failure(said: str) -> InitFailed:
    own = next((remedy for words, remedy in _REMEDIES if re.search(words, said)), None)
    found = failures.explain(said, here())
    reason, fix = (found.reason, found.remedy) if own is None else (_shortened(said), own)
    return InitFailed(
        f"The packages of the flow's uv project cannot be installed (--environment=uv): {reason}",
        fix=_RELOCK if _OTHER_FILE in said else fix,
    )


def _shortened(said: str) -> str:
    """Return the beginning and the end of a long message, such as a build's."""
    lines = said.removeprefix("error: ").splitlines()
    if len(lines) <= 2 * _QUOTED_LINES:
        return "\n".join(lines)
    return "\n".join((*lines[:_QUOTED_LINES], "  …", *lines[-_QUOTED_LINES:]))


def _root(folder: Path) -> Path:
    """Return the folder of the lock, in or above that of the project."""
    return next(place for place in (folder, *folder.parents) if (place / "uv.lock").is_file())


def _name(requirement: str) -> str:
    return requirement.partition("==")[0]
