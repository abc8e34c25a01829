"""The tables of docs/performance.md, each between its two marks."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.bench.measuring import Cost, Spread

PAGE = Path(__file__).parent.parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One contender in one case; ratios are of medians, to Metaflow's own run."""

    case: str
    contender: str
    wall: Spread
    cpu: Spread
    wall_ratio: float
    cpu_ratio: float
    peak_megabytes: float | None = None

    @classmethod
    def of(
        cls,
        case: str,
        contender: str,
        costs: Sequence[Cost],
        *,
        baseline: Sequence[Cost],
    ) -> Row:
        """Compare *costs* with *baseline*."""
        wall, cpu = _spreads(costs)
        base_wall, base_cpu = _spreads(baseline)
        return cls(
            case=case,
            contender=contender,
            wall=wall,
            cpu=cpu,
            wall_ratio=wall.median / base_wall.median,
            cpu_ratio=cpu.median / base_cpu.median,
        )


def _spreads(costs: Sequence[Cost]) -> tuple[Spread, Spread]:
    return (
        Spread(tuple(cost.wall_seconds for cost in costs)),
        Spread(tuple(cost.cpu_seconds for cost in costs)),
    )


def table(rows: Sequence[Row], rounds: int) -> str:
    """Return the table, under what it was measured on."""
    shown = "\n".join(
        f"| {row.case} | {row.contender} | {row.wall} | {row.wall_ratio:.2f} "
        f"| {row.cpu} | {row.cpu_ratio:.2f} | {_or_dash(row.peak_megabytes)} |"
        for row in rows
    )
    return (
        f"{machine()}\nMedian (smallest-largest) of {rounds} interleaved rounds (one for 1,000 tasks).\n\n"
        "| case | executor | wall, s | ratio | CPU of the tree, s | ratio | peak PSS, MB |\n"
        "|---|---|---|---|---|---|---|\n"
        f"{shown}\n"
    )


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def machine() -> str:
    """Return what was measured on."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("metaflow", "prefect"))
    today = dt.datetime.now(dt.timezone.utc).date()
    load = os.getloadavg()[1]
    return (
        f"{today}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at the end, "
        f"Python {platform.python_version()}, {versions}."
    )


def write(text: str) -> None:
    """Replace the table of the runs."""
    replace_between(BEGIN, END, text)


def replace_between(begin: str, end: str, text: str) -> None:
    """Replace what stands between two marks of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")
