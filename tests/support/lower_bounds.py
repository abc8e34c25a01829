"""What tests/versions.sh installs: the lower bounds of pyproject.toml as pins, and the packages of the tests."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import tomli
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
RUNTIME_EXTRAS = ("headless", "emulator")
"""The extras that users install for what the package does; the others are for developing it."""

NOT_FOR_TESTS = {"zensical"}
"""Tools that need newer packages than our lower bounds, and whose absence skips a test."""


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return table["project"]


def requirements() -> list[Requirement]:
    """Return what the package and its extras for users require, each once."""
    extras = project()["optional-dependencies"]
    lines = [
        *project()["dependencies"],
        *(line for extra in RUNTIME_EXTRAS for line in extras[extra]),
    ]
    return [Requirement(line) for line in dict.fromkeys(lines)]


def lower_bound(requirement: Requirement) -> str:
    """Return the version after `>=`; every requirement has one."""
    return next(each.version for each in requirement.specifier if each.operator == ">=")


def tools() -> list[str]:
    """Return the packages that the tests need beside the package's own."""
    listed = project()["optional-dependencies"]["dev"]
    return [line for line in listed if Requirement(line).name not in NOT_FOR_TESTS]


def main() -> None:
    """Print pins of the lower bounds (`pins`), the tests' packages (`tools`), or what is installed."""
    if sys.argv[1:] == ["pins"]:
        lines = [f"{each.name}=={lower_bound(each)}" for each in requirements()]
    elif sys.argv[1:] == ["tools"]:
        lines = tools()
    else:
        python = ".".join(str(part) for part in sys.version_info[:3])
        installed = [f"{each.name} {metadata.version(each.name)}" for each in requirements()]
        lines = [f"python {python}", *sorted(installed, key=str.casefold)]
    print("\n".join(lines))  # noqa: T201  the answer


if __name__ == "__main__":
    main()
