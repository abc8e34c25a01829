"""The measurements on the landing page are those of the pages that explain them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_EXCERPT = re.compile(r"(<!-- excerpt: begin -->\n).*?(<!-- excerpt: end -->)", re.DOTALL)

CASES = ("linear, 3 steps", "foreach, 100 tasks", "foreach, 1,000 tasks")
FLOW_RUNS = "100"
MEAN_RUN = "60 min"


def rows(page: str) -> list[list[str]]:
    """Return the cells of each row of each table of a page."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]


def seconds(case: str, executor: str) -> float:
    """Return the median wall time of one case."""
    (cell,) = (row[2] for row in rows("performance.md") if row[:2] == [case, executor])
    return float(cell.partition(" ")[0])


def excerpt() -> str:
    """Return the landing page's table."""
    made = ["| | Metaflow's own `run` | here (ratio) |", "|---|---:|---:|"]
    for case in CASES:
        theirs, ours = seconds(case, "python flow.py run"), seconds(case, "auto")
        made.append(f"| {case} | {theirs:.1f} s | {ours:.1f} s ({ours / theirs:.2f}) |")
    (calls,) = (
        row for row in rows("from-the-vendors-worker.md") if row[:2] == [FLOW_RUNS, MEAN_RUN]
    )
    made += ["", "| | Northflank's own worker | here |", "|---|---:|---:|"]
    what = (
        f"calls to Northflank in an hour, {FLOW_RUNS} flow runs of {MEAN_RUN} (1,000 are allowed)"
    )
    made.append(f"| {what} | {calls[4]} | {calls[3]} |")
    return "\n".join(made) + "\n"


@pytest.mark.golden
def test_the_measured_table_is_an_excerpt_of_the_pages_that_explain_it(golden):
    page = (DOCS / "index.md").read_text(encoding="utf-8")

    golden(DOCS / "index.md", _EXCERPT.sub(rf"\g<1>{excerpt()}\g<2>", page))


def test_the_page_is_read_in_two_minutes():
    """At 240 words a minute, without its tables, which nobody reads word by word."""
    page = (DOCS / "index.md").read_text(encoding="utf-8")
    words = re.sub(r"^\|.*$|\]\(.*?\)|```.*?```", "", page, flags=re.MULTILINE | re.DOTALL).split()

    assert len(words) <= 600
