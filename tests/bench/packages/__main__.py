"""Measure what @pypi costs, and write the table of docs/performance.md.

    python -m tests.bench.packages [--rounds N] [--write]

Packages come from the index that pip or uv is configured for. Metaflow's own way needs micromamba: a stand-in for it
(tests/behaviour/micromamba.py) makes virtual environments and asks no channel, so that only Metaflow's own work is
measured there, and not what it takes to install anything. What has no packages is another flow of the same shape.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.behaviour import micromamba
from tests.bench.measuring import Cost, Spread, measure
from tests.bench.page import machine, replace_between
from tests.prefect_server import running_server

FLOW = Path(__file__).parent / "flows" / "packages_flow.py"
PLAIN_FLOW = Path(__file__).parents[1] / "flows" / "foreach.py"
BEGIN, END = "<!-- packages bench: begin -->", "<!-- packages bench: end -->"
WIDE = 21
"""Tasks of the wide runs; the difference from those with one task is what the others cost."""

_OPTIONS = ("--quiet", "--no-pylint")
_PLAIN = (PLAIN_FLOW.name, *_OPTIONS)
_PYPI = (FLOW.name, *_OPTIONS, "--environment=pypi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folder in which everything runs, and the environment; uv's caches are in the folder."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *words: str, **more: str) -> Cost:
        """Run a command of this Python."""
        return measure([sys.executable, *words], {**self.environment, **more}, self.folder)

    def forget(self, *names: str) -> None:
        """Remove these folders."""
        for name in names:
            shutil.rmtree(self.folder / name, ignore_errors=True)


def measured(place: Place, rounds: int) -> dict[str, list[Cost]]:
    """Measure all rows, *rounds* times."""
    found: dict[str, list[Cost]] = {}
    stand_in = micromamba.install(place.folder / "micromamba")
    own = (*_PYPI, "run", "--max-workers", "16")
    # It makes its interpreter once and for all.
    place.run(*own, **stand_in)
    for number in range(rounds):
        place.forget("cache", "uv")
        row = {
            "compile without packages": place.run(*_PLAIN, "prefect", "create", "plain.py"),
            "compile, and lock the packages": place.run(*_PYPI, "prefect", "create", "packed.py"),
            "the same, files in uv's cache": place.run(*_PYPI, "prefect", "create", "packed.py"),
        }
        place.forget("uv")
        row |= {
            "run, interpreter made, no cache": place.run("packed.py"),
            "run, interpreter there": place.run("packed.py"),
            "run without packages": place.run("plain.py", "--width", "1"),
        }
        wide = place.run("packed.py", "--width", str(WIDE))
        row["each further task"] = _per_task(wide, row["run, interpreter there"])
        row["Metaflow's own run"] = place.run(*own, **stand_in)
        wide = place.run(*own, "--width", str(WIDE), **stand_in)
        row["Metaflow's own run, each further task"] = _per_task(wide, row["Metaflow's own run"])
        for name, cost in row.items():
            found.setdefault(name, []).append(cost)
            sys.stderr.write(
                f"round {number + 1}, {name}: {cost.wall_seconds:.2f} s wall, {cost.cpu_seconds:.2f} s CPU\n"
            )
    return found


def _per_task(wide: Cost, narrow: Cost) -> Cost:
    """Return what one of the tasks cost that *wide* has and *narrow* has not."""
    return Cost(
        wall_seconds=(wide.wall_seconds - narrow.wall_seconds) / (WIDE - 1),
        cpu_seconds=(wide.cpu_seconds - narrow.cpu_seconds) / (WIDE - 1),
    )


def table(found: Mapping[str, list[Cost]], rounds: int) -> str:
    """Return the table, under what it was measured on."""
    rows = "\n".join(
        f"| {name} | {Spread(tuple(it.wall_seconds for it in costs))} | {Spread(tuple(it.cpu_seconds for it in costs))} |"
        for name, costs in found.items()
    )
    return (
        f"{machine()}\nMedian (smallest-largest) of {rounds} {'rounds' if rounds > 1 else 'round'}.\n\n"
        f"| | wall, s | CPU of the tree, s |\n|---|---:|---:|\n{rows}\n"
    )


def main() -> None:
    """Parse, measure, print; with --write also into the page."""
    parser = argparse.ArgumentParser(description="What the packages of single steps cost.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--write", action="store_true", help="replace the table of docs/performance.md"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="metaflow-prefect-bench-") as name:
        folder = Path(name)
        for inner in ("server", "micromamba"):
            (folder / inner).mkdir()
        for flow in (FLOW, PLAIN_FLOW):
            shutil.copy(flow, folder)
        with running_server(folder / "server") as server:
            environment = {
                **os.environ,
                **server.environment,
                "USERNAME": "bench",
                "METAFLOW_DATASTORE_SYSROOT_LOCAL": name,
                "XDG_CACHE_HOME": str(folder / "cache"),
                "UV_CACHE_DIR": str(folder / "uv"),
            }
            found = measured(Place(folder=folder, environment=environment), arguments.rounds)
    text = table(found, arguments.rounds)
    sys.stdout.write(text)
    if arguments.write:
        replace_between(BEGIN, END, text)


if __name__ == "__main__":
    main()
