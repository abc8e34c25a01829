"""ARCHITECTURE.md is true: its map names exactly the rooms there are, and each module says what it knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGES = (
    "metaflow_prefect",
    "northflank/metaflow_northflank",
    "northflank/northflank_emulator",
    "northflank/prefect_northflank",
)
WITHOUT_A_ROW = ("extension", "templates", "examples")
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def rooms_on_disk() -> set[str]:
    return {
        f"{init.parent.relative_to(ROOT).as_posix()}/"
        for package in PACKAGES
        for init in (ROOT / package).rglob("__init__.py")
    }


def test_the_map_has_one_row_for_each_room_and_no_other():
    section = TEXT.partition("## The rooms")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)` \| .+ \|$", section, re.MULTILINE)

    assert sorted(rows) == sorted(rooms_on_disk())


def test_every_file_and_folder_that_is_named_exists():
    named = re.findall(r"`([a-z_]+/[\w/.]*)`", TEXT)
    places = (ROOT, ROOT / "northflank/prefect_northflank", ROOT / "northflank/metaflow_northflank")

    assert [name for name in named if not any((at / name).exists() for at in places)] == []


def test_each_module_begins_with_a_line_that_says_what_it_knows():
    silent = [
        path.relative_to(ROOT).as_posix()
        for folder in (*PACKAGES, *WITHOUT_A_ROW)
        for path in (ROOT / folder).rglob("*.py")
        if not first_line(path)
    ]

    assert silent == []


def first_line(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].strip()
