"""Tries a distribution as a new user would: installed into a clean environment, far from the clone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.distributions import Environment, make_environment

_PACKAGES = "metaflow_prefect, metaflow_northflank, prefect_northflank, northflank_emulator"
_COMMANDS = ("prefect-headless", "prefect-northflank", "northflank-emulator", "prefect-info")
_FLOW = "branch_flow.py"
_RUN = ("prefect", "run", "--text", "to be or not to be")
"""As README.md shows it."""


OF_EACH = 2
"""How many trials every distribution has; the wheel, which is built from the sdist, has the others as well."""


class Failed(Exception):
    """The distribution does not do what it should."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing that is tried, in words, and how: it raises `Failed` where it does not work."""

    name: str
    check: Callable[[], None]


@contextmanager
def installed(
    distribution: Path, folder: Path, dependencies: Path | None
) -> Iterator[tuple[Environment, Path]]:
    """Install *distribution* into an environment in *folder*; yield it and a folder with an example flow.

    What it requires comes from the package index, or, where *dependencies* is given, from this folder of links.
    """
    environment = make_environment(folder / "environment", dependencies)
    if dependencies is None:
        environment.pip_install(f"{distribution}[emulator,headless]")
    else:
        environment.pip_install("--no-deps", distribution)
    work = folder / "work"
    work.mkdir()
    try:
        yield environment, work
    finally:
        environment.attempt(
            _FLOW, "prefect", "server", "stop", cwd=work, variables=_variables(work)
        )


def trials(environment: Environment, work: Path, version: str, sources: Path) -> tuple[Trial, ...]:
    """Return what is tried, in this order; *sources* is where the example flow is taken from.

    The first ones are those of every distribution (`OF_EACH`).
    """

    def run(*words: str | Path, expected: str = "") -> None:
        done = environment.attempt(*words, cwd=work, variables=_variables(work))
        said = done.stdout + done.stderr
        if done.returncode != 0 or expected.lower() not in said.lower():
            raise Failed(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{said}")

    def flow() -> None:
        shutil.copy(sources / "examples" / _FLOW, work)
        run(_FLOW, "prefect", "create", "out.py")
        run("out.py", "--help", expected="--text")

    def commands() -> None:
        for command in _COMMANDS:
            run(environment.folder / "bin" / command, "--help", expected="Usage")

    imports = f"import {_PACKAGES}; print('version', metaflow_prefect.__version__)"
    return (
        Trial("import", lambda: run("-c", imports, expected=f"version {version}\n")),
        Trial(f"python {_FLOW} prefect create out.py", flow),
        Trial("pip check", lambda: run("-m", "pip", "check")),
        Trial(", ".join(f"{it} --help" for it in _COMMANDS), commands),
        Trial(f"python {_FLOW} {' '.join(_RUN)}", lambda: run(_FLOW, *_RUN)),
    )


def _variables(work: Path) -> dict[str, str]:
    """Return the settings of a user who has run none of this before."""
    return {
        "HOME": str(work), "USERNAME": "new-user", "METAFLOW_HOME": str(work / "metaflow"),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(work), "PREFECT_HOME": str(work / "prefect"),
    }  # fmt: skip
