"""The page about `run --with northflank` names every setting, and its default."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from metaflow_northflank.settings import Orphans, Settings

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "run-on-northflank.md"
ROW = re.compile(r"^\| `METAFLOW_NORTHFLANK_(?P<name>\w+)` \| (?P<default>[^|]+) \|", re.MULTILINE)


def test_the_page_has_a_row_for_every_setting_with_its_default():
    rows = {it["name"].lower(): it["default"].strip(" `") for it in ROW.finditer(PAGE.read_text())}

    assert rows.keys() == {field.name for field in fields(Settings)}
    for field in fields(Settings):
        match getattr(Settings(), field.name):
            case bool(value):
                assert rows[field.name] == str(int(value))
            case Orphans(value=value):
                assert rows[field.name] == value
            case int(value) | float(value):
                assert rows[field.name] == f"{value:g}"
