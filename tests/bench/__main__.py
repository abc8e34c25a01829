"""Measure Metaflow's `run` and the generated file side by side, and write the table of docs/performance.md.

    python -m tests.bench [--rounds N] [--case NAME]… [--memory] [--write]

Every round runs each contender once, one after the other, so that a slow minute of the machine is
everybody's. A Prefect server runs all the while; its own work is not counted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.measuring import Cost, measure, peak_megabytes
from tests.bench.page import Row, table, write
from tests.prefect_server import running_server

FLOWS = Path(__file__).parent / "flows"
_WORKERS = "16"


@dataclass(frozen=True, slots=True)
class Case:
    """A flow, and the parameters it is run with."""

    name: str
    flow: str
    words: tuple[str, ...] = ()


CASES = (
    Case("linear, 3 steps", "linear"),
    Case("branch, 8 wide", "branch"),
    Case("foreach, 20 tasks", "foreach", ("--width", "20")),
    Case("foreach, 100 tasks", "foreach", ("--width", "100")),
)

CONTENDERS = ("python flow.py run", "fork", "fresh")


def command(case: Case, contender: str) -> list[str]:
    """Return the words by which *contender* runs *case*, in a folder with both files."""
    if contender == CONTENDERS[0]:
        words = [f"{case.flow}.py", "--no-pylint", "run", "--max-workers", _WORKERS]
    else:
        words = [f"{case.flow}_prefect.py", "--max-workers", _WORKERS, "--step-executor", contender]
    return [sys.executable, *words, *case.words]


def prepare(folder: Path, environment: Mapping[str, str]) -> None:
    """Copy the flows and compile them."""
    for flow in FLOWS.glob("*.py"):
        (folder / flow.name).write_bytes(flow.read_bytes())
        words = [
            sys.executable,
            flow.name,
            "--no-pylint",
            "prefect",
            "create",
            f"{flow.stem}_prefect.py",
        ]
        subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True)


def bench(case: Case, rounds: int, environment: Mapping[str, str], folder: Path) -> list[Row]:
    """Measure every contender *rounds* times, interleaved."""
    costs: dict[str, list[Cost]] = {contender: [] for contender in CONTENDERS}
    for number in range(rounds):
        for contender in CONTENDERS:
            cost = measure(command(case, contender), environment, folder)
            costs[contender].append(cost)
            sys.stderr.write(
                f"{case.name}, round {number + 1}, {contender}: "
                f"{cost.wall_seconds:.2f} s wall, {cost.cpu_seconds:.2f} s CPU\n"
            )
    return [
        Row.of(
            case.name,
            contender,
            costs[contender],
            baseline=costs[CONTENDERS[0]],
        )
        for contender in CONTENDERS
    ]


def with_memory(rows: Sequence[Row], environment: Mapping[str, str], folder: Path) -> Iterator[Row]:
    """Run every contender of *rows* once more, to watch its memory: watching takes time itself."""
    cases = {case.name: case for case in CASES}
    for row in rows:
        words = command(cases[row.case], row.contender)
        yield replace(row, peak_megabytes=peak_megabytes(words, environment, folder))


def main() -> None:
    """Parse, measure, print; with --write also into the page."""
    parser = argparse.ArgumentParser(description="Overhead per step beside Metaflow's own run.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", action="append", help="part of a case's name; all if not given")
    parser.add_argument(
        "--memory", action="store_true", help="one more run of each, for its memory"
    )
    parser.add_argument(
        "--write", action="store_true", help="replace the table of docs/performance.md"
    )
    arguments = parser.parse_args()
    wanted = [case for case in CASES if any(part in case.name for part in arguments.case or [""])]
    with tempfile.TemporaryDirectory(prefix="metaflow-prefect-bench-") as name:
        folder = Path(name)
        (folder / "server").mkdir()
        with running_server(folder / "server") as server:
            environment = {
                **os.environ,
                **server.environment,
                "USERNAME": "bench",
                "METAFLOW_DATASTORE_SYSROOT_LOCAL": name,
            }
            prepare(folder, environment)
            rows = [
                row for case in wanted for row in bench(case, arguments.rounds, environment, folder)
            ]
            if arguments.memory:
                rows = list(with_memory(rows, environment, folder))
    text = table(rows, arguments.rounds)
    sys.stdout.write(text)
    if arguments.write:
        write(text)


if __name__ == "__main__":
    main()
