"""ARCHITECTURE.md is true: its tables name exactly the modules there are, and each module says what it knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = (
    "metaflow_prefect",
    "metaflow_prefect/headless",
    "northflank/northflank_emulator",
    "northflank/prefect_northflank",
)
WITHOUT_A_TABLE = ("extension", "templates", "examples")


def tables() -> dict[str, list[list[str]]]:
    """The rows of each section whose heading ends in (`folder`), by folder; cells as text."""
    found: dict[str, list[list[str]]] = {}
    rows: list[list[str]] | None = None
    for line in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines():
        heading = re.match(r"##\s.*?(?:\(`(.+)`\))?$", line)
        if heading:
            rows = found.setdefault(heading[1], []) if heading[1] else None
        elif rows is not None and re.match(r"\|\s*`", line):
            rows.append([cell.strip() for cell in line.strip().strip("|").split(" | ")])
    return found


def modules(package: str) -> set[str]:
    """The modules below *package* that are in no section of their own, relative to it."""
    inner = [ROOT / other for other in PACKAGES if other.startswith(f"{package}/")]
    return {
        path.relative_to(ROOT / package).as_posix()
        for path in (ROOT / package).rglob("*.py")
        if not any(path.is_relative_to(folder) for folder in inner)
    }


def test_there_is_a_section_for_each_package_and_no_other():
    assert sorted(tables()) == sorted(package for package in PACKAGES if modules(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_table_names_exactly_the_modules_on_disk(package):
    named = [row[0].strip("`") for row in tables().get(package, [])]
    on_disk = modules(package)

    assert {"without a row": sorted(on_disk - set(named))} == {"without a row": []}
    assert {"no such module": sorted(set(named) - on_disk)} == {"no such module": []}
    assert len(named) == len(set(named))


@pytest.mark.parametrize("package", PACKAGES)
def test_each_row_says_what_the_module_knows_and_must_not_know(package):
    incomplete = [row for row in tables().get(package, []) if len(row) != 3 or not all(row)]

    assert incomplete == []


def test_each_module_begins_with_a_line_that_says_what_it_knows():
    silent = [
        path.relative_to(ROOT).as_posix()
        for folder in (*PACKAGES, *WITHOUT_A_TABLE)
        for path in (ROOT / folder).rglob("*.py")
        if not first_line(path)
    ]

    assert silent == []


def first_line(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].strip()
