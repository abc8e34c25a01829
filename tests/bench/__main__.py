"""Measure Metaflow's own commands and ours side by side, and write the table of docs/performance.md.

    python -m tests.bench [--rounds N] [--case NAME]… [--memory] [--write]

Every round runs each contender once, one after the other, so that a slow minute of the machine is
everybody's. A Prefect server runs all the while; its own work is not counted.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from metaflow_prefect.launcher.handover import socket_name
from metaflow_prefect.runtime.servers import local_server
from tests.bench.cases import CASES, LONG_FLOW, Case, Contender, long_flow
from tests.bench.measuring import Cost, cpu_seconds_of_children, measure, peak_megabytes
from tests.bench.page import Row, table, write
from tests.prefect_server import running_server
from tests.support.waiting import wait_until

_REAPED_SECONDS = 0.5
LAUNCHER = "metaflow_prefect.launcher"
FLOWS = Path(__file__).parent / "flows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folder in which everything is run, and the environment."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def home(self) -> Path:
        """The PREFECT_HOME of those who have no server configured."""
        return self.folder / "home"

    def environment_of(self, contender: Contender) -> Mapping[str, str]:
        """Return the environment in which *contender* runs."""
        if not contender.without_server:
            return self.environment
        kept = {
            name: value for name, value in self.environment.items() if name != "PREFECT_API_URL"
        }
        return {**kept, "PREFECT_HOME": str(self.home)}

    def measure(self, contender: Contender) -> Cost:
        """Run *contender* once."""
        words = [sys.executable, *contender.words]
        launchers = self._launchers() if contender.without_server else []
        before = sum(map(cpu_seconds_of_children, launchers))
        cost = measure(words, self.environment_of(contender), self.folder)
        # A launcher's fork is not a descendant of the command that it executes, and is reaped a moment later.
        time.sleep(_REAPED_SECONDS if launchers else 0)
        forked = sum(map(cpu_seconds_of_children, launchers)) - before
        return replace(cost, cpu_seconds=cost.cpu_seconds + forked)

    def wait_for_launcher(self) -> None:
        """Wait until a run without a configured server is executed by a launcher, where there is one."""
        folder = self.home / "metaflow-prefect"
        if sys.platform == "linux":
            wait_until(lambda: list(folder.glob(socket_name("*"))), "a launcher listens")

    def _launchers(self) -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if LAUNCHER in (process.info["cmdline"] or ())
            and process.environ().get("PREFECT_HOME") == str(self.home)
        ]


def prepare(place: Place) -> None:
    """Copy the flows and compile them."""
    for flow in FLOWS.glob("*.py"):
        (place.folder / flow.name).write_bytes(flow.read_bytes())
        words = (flow.name, "--no-pylint", "prefect", "create", f"{flow.stem}_prefect.py")
        place.measure(Contender(name="prefect create", words=words))
    (place.folder / LONG_FLOW).write_text(long_flow())


def bench(case: Case, rounds: int, place: Place) -> list[Row]:
    """Measure every contender *rounds* times, interleaved."""
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in case.contenders}
    for contender in case.contenders:
        if contender.without_server:
            place.measure(contender)
            place.wait_for_launcher()
    for number in range(min(rounds, case.most_rounds)):
        for contender in case.contenders:
            cost = place.measure(contender)
            costs[contender.name].append(cost)
            sys.stderr.write(
                f"{case.name}, round {number + 1}, {contender.name}: "
                f"{cost.wall_seconds:.2f} s wall, {cost.cpu_seconds:.2f} s CPU\n"
            )
    baseline = costs[case.contenders[0].name]
    return [Row.of(case.name, name, found, baseline=baseline) for name, found in costs.items()]


def with_memory(rows: Sequence[Row], place: Place) -> Iterator[Row]:
    """Run every contender of *rows* once more, to watch its memory: watching takes time itself."""
    contenders = {(case.name, one.name): one for case in CASES for one in case.contenders}
    for row in rows:
        contender = contenders[row.case, row.contender]
        words = [sys.executable, *contender.words]
        peak = peak_megabytes(words, place.environment_of(contender), place.folder)
        yield replace(row, peak_megabytes=peak)


def measured(arguments: argparse.Namespace, place: Place) -> list[Row]:
    """Measure what the command line asks for."""
    named = [case for case in CASES if any(part in case.name for part in arguments.case or ())]
    wanted = named or [case for case in CASES if not case.only_by_name]
    prepare(place)
    try:
        rows = [row for case in wanted for row in bench(case, arguments.rounds, place)]
        return list(with_memory(rows, place)) if arguments.memory else rows
    finally:
        local_server.stop(place.home, even_if_used=True)


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
            rows = measured(arguments, Place(folder=folder, environment=environment))
    text = table(rows, arguments.rounds)
    sys.stdout.write(text)
    if arguments.write:
        write(text)


if __name__ == "__main__":
    main()
