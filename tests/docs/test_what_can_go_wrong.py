"""The page of failures quotes what users see: each failure is made to happen, and compared with the page's quotation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.failures import FAILURES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "what-can-go-wrong.md"
_ENTRY = re.compile(r"^### `(?P<heading>.+)`\n\n```text\n(?P<said>(?:.*\n)*?)```\n", re.MULTILINE)


def quoted() -> dict[str, str]:
    """Return what the page quotes below each heading."""
    return {it["heading"]: it["said"] for it in _ENTRY.finditer(PAGE.read_text(encoding="utf-8"))}


@pytest.mark.golden
@pytest.mark.parametrize("heading", FAILURES)
def test_a_failure_says_what_the_page_quotes(heading, golden, tmp_path):
    assert heading in quoted(), f"{PAGE.name} has no entry `{heading}`"
    said = FAILURES[heading](tmp_path).rstrip()

    def with_this(entry: re.Match[str]) -> str:
        is_other = entry["heading"] != heading
        return entry[0] if is_other else f"### `{heading}`\n\n```text\n{said}\n```\n"

    golden(PAGE, _ENTRY.sub(with_this, PAGE.read_text(encoding="utf-8")))


def test_each_entry_of_the_page_is_made_to_happen():
    headings = re.findall(r"^### `(.+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert headings == list(FAILURES)


@pytest.mark.parametrize("heading", FAILURES)
def test_a_heading_is_what_one_would_search_for(heading):
    """The text itself; `…` stands for what differs from case to case."""
    shown = quoted()[heading].replace("`", "")

    assert re.search(".+".join(map(re.escape, heading.split("…"))), shown)
