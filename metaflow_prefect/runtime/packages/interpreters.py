"""Interpreters of locks: a virtual environment for each lock, made by uv once on a machine and then shared."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from metaflow_prefect.errors import InitFailed
from metaflow_prefect.runtime.packages import failures
from metaflow_prefect.runtime.packages.lock import Lock, Target
from metaflow_prefect.runtime.packages.made_once import cache_folder, is_made, made_once
from metaflow_prefect.runtime.packages.uv import INSTALL_IT, Uv, UvFailed

_FOLDER = "interpreters"

_NAMED = 5
"""How many packages a line for people names."""

_MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}
"""Names that some systems have for what others call otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes interpreters, below `folder`, by `uv`.

    `python` is the interpreter on which they are based where a lock is for its version.
    """

    uv: Uv
    folder: Path
    python: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Maker | None:
        """Return what makes interpreters in *environment* from this process's own; None if uv is missing."""
        uv = Uv.found({"UV_PYTHON_DOWNLOADS": "never", **environment})
        if uv is None:
            return None
        folder = cache_folder(environment, _FOLDER)
        return cls(uv=uv.installing(), folder=folder, python=sys.executable)

    def make(self, lock: Lock) -> str:
        """Return the interpreter that has the packages of *lock*.

        Raises:
            UvFailed: uv cannot install them, or has no Python of that version.
        """
        folder, base = self._place(lock)
        made = made_once(folder, lambda folder: self._install(lock, base, folder))
        return str(made / "bin" / "python")

    def has(self, lock: Lock) -> bool:
        """Say whether the interpreter of *lock* is there already."""
        return is_made(self._place(lock)[0])

    def _place(self, lock: Lock) -> tuple[Path, str]:
        """Return the folder of the interpreter, and the Python on which it is based."""
        base = self.python if lock.target.python == here().python else lock.target.python
        own = f"{Path(self.python).resolve()} {platform.python_version()} {base}"
        name = f"{lock.key}-{hashlib.sha256(own.encode()).hexdigest()[:8]}"
        return self.folder / name, base

    def _install(self, lock: Lock, base: str, folder: Path) -> None:
        self.uv.run("venv", "--quiet", "--no-project", "--python", base, str(folder))
        python = folder / "bin" / "python"
        words = ("--no-deps", "--no-build", "--require-hashes", "--requirements", "-")
        self.uv.run(
            "pip", "install", "--quiet", "--python", str(python), *words,
            folder=folder, text=lock.requirements,
        )  # fmt: skip


def _some(packages: tuple[str, ...]) -> str:
    named = ", ".join(packages[:_NAMED])
    more = len(packages) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def here() -> Target:
    """Return this process's own Python and platform."""
    machine = platform.machine().lower()
    machine = _MACHINES.get(machine, machine)
    version = ".".join(map(str, sys.version_info[:2]))
    return Target(python=version, platform=f"{machine}-{platform.system().lower()}")


def activated(python: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which programs find the interpreter *python* first, as an activated environment sets them."""
    folder = Path(python).parent
    path = os.pathsep.join((str(folder), inherited.get("PATH", os.defpath)))
    return {"PATH": path, "VIRTUAL_ENV": str(folder.parent)}


def make_all(
    locks: Iterable[Lock], environment: Mapping[str, str], say: Callable[[str], None]
) -> dict[str, str]:
    """Return the interpreter of each of *locks* by its key; those that are missing are made at the same time.

    *say* writes a line for people about each that is made.

    Raises:
        InitFailed: some cannot be made; names the steps and the packages of all of them.
    """
    wanted = {lock.key: lock for lock in locks}
    if not wanted:
        return {}
    maker = Maker.of(environment)
    if maker is None:
        steps = sorted({step for lock in wanted.values() for step in lock.steps})
        raise InitFailed(
            f"uv, which makes the interpreters of steps with @pypi, is missing ({', '.join(steps)}).",
            fix=INSTALL_IT,
        )
    for lock in wanted.values():
        if not maker.has(lock):
            say(f"{', '.join(lock.steps)}: uv installs {_some(lock.packages)}")
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        futures = {key: pool.submit(maker.make, lock) for key, lock in wanted.items()}
    _check(wanted, futures)
    return {key: future.result() for key, future in futures.items()}


def _check(locks: Mapping[str, Lock], futures: Mapping[str, Future[str]]) -> None:
    """Report every interpreter that could not be made."""
    found = []
    for key, future in futures.items():
        error = future.exception()
        if isinstance(error, (UvFailed, OSError)):
            lock = locks[key]
            why = failures.explain(getattr(error, "said", str(error)), lock.target)
            found.append((f"{', '.join(lock.steps)}: @pypi — {why.reason}", why.remedy))
        elif error is not None:
            raise error
    if found:
        listed = "\n".join(f"  {problem}" for problem, _ in found)
        fixes = "; ".join(dict.fromkeys(fix for _, fix in found))
        raise InitFailed(f"The packages of some steps cannot be installed:\n{listed}", fix=fixes)
