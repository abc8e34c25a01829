"""What the worker costs: calls to Northflank, time from scheduled to started, CPU and memory of its process.

python -m tests.stack.worker.bench [--at-once 1 10 100 500] [--seconds 20] [--write]

The calls are counted in simulated time. The rest is one real worker process between a real Prefect server (on
PostgreSQL) and an emulator whose containers are only a matter of time; this program says to Prefect what the flows in
them would.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

from northflank_emulator import Emulator
from northflank_emulator.execution.scripted import Outcome
from northflank_emulator.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "performance.md"
BEGIN, END = "<!-- worker bench: begin -->", "<!-- worker bench: end -->"
AT_ONCE = (1, 10, 100, 500)
MEAN_MINUTES = (5, 60)
LONG_SECONDS = 7200.0
AT_A_TIME = 8
"""Requests to Prefect by this program."""
LONGEST_START_SECONDS, LONGEST_SECONDS_PER_RUN = 120.0, 2.0
"""Waited for the flow runs triggered at once to start; those that have not are not in the figures, but counted."""


@dataclass(frozen=True)
class Load:
    """A worker process over a while, with *runs* flow runs in its hands."""

    runs: int
    seconds: float
    cpu_seconds: float
    megabytes: float
    calls: int

    def __str__(self) -> str:
        share = 100 * self.cpu_seconds / self.seconds
        return (
            f"| {self.runs} | {share:.1f} % | {self.megabytes:.0f} | "
            f"{self.calls} in {self.seconds:.0f} s |"
        )


def simulated_calls() -> list[str]:
    """Return a row per number of flow runs and mean length; every call is counted, in simulated time."""
    from tests.unit.worker.test_budget import HOUR, World, live

    rows = []
    for minutes in MEAN_MINUTES:
        for runs in AT_ONCE:
            world = World()
            asyncio.run(live(world, runs=runs, hours=6, mean_seconds=60 * minutes, silent_share=0))
            hour = max(sum(1 for it in world.calls if at <= it < at + HOUR) for at in world.calls)
            rows.append(f"| {runs} | {minutes} min | {len(world.calls) / runs:.1f} | {hour} |")
    return rows


class Bench:
    """A server, an emulator and a pool; the worker's settings are the defaults."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        from tests.stack.worker import conftest
        from tests.stack.worker.database import postgres_url

        database = stack.enter_context(postgres_url())
        self.prefect = stack.enter_context(conftest.prefect_server(folder, database=database))
        outcome = Outcome(seconds=LONG_SECONDS)
        self.emulator = stack.enter_context(Emulator(Settings(rate_limit=None), outcomes=[outcome]))
        northflank = conftest.Northflank(base_url=self.emulator.base_url, token=self.emulator.token)
        self.pool = conftest.new_pool(self.prefect, northflank, folder)
        self.deployment = self.pool.deploy("hello", cleanup_job=False)
        defaults = {
            name: "" for name in self.pool.environment if name.startswith("PREFECT_NORTHFLANK_")
        } | {"PREFECT_WORKER_QUERY_SECONDS": "2"}
        self.worker = stack.enter_context(self.pool.worker(**defaults))
        self.running = 0

    def start(self, runs: int) -> dict[UUID, float]:
        """Trigger *runs* flow runs at once; return the seconds from scheduled to started of each."""
        with ThreadPoolExecutor(AT_A_TIME) as hands:
            scheduled = dict(hands.map(lambda _: self._trigger(), range(runs)))
        patience = LONGEST_START_SECONDS + runs * LONGEST_SECONDS_PER_RUN
        began, deadline = self._started(), time.monotonic() + patience
        while set(scheduled) - set(began) and time.monotonic() < deadline:
            time.sleep(2)
            began = self._started()
        return {
            UUID(it): (began[it] - at).total_seconds()
            for it, at in scheduled.items()
            if it in began
        }

    def _trigger(self) -> tuple[str, dt.datetime]:
        return str(self.prefect.trigger(self.deployment)), dt.datetime.now(dt.timezone.utc)

    def _started(self) -> dict[str, dt.datetime]:
        """Return when each flow run's job run was started: the emulator has recorded the request."""
        return {
            it.body["runtimeEnvironment"]["PREFECT__FLOW_RUN_ID"]: it.at
            for it in self.emulator.requests
            if it.operation == "start.job.run"
        }

    def begin(self, flow_runs: Collection[UUID]) -> None:
        """Say for the containers of *flow_runs* what their flows would."""
        self.running += len(flow_runs)
        with ThreadPoolExecutor(AT_A_TIME) as hands:
            list(hands.map(lambda it: self.prefect.set_state(it, "RUNNING", "Running"), flow_runs))

    def load(self, seconds: float) -> Load:
        """Measure the worker for *seconds* while all flow runs are running."""
        pid = self.worker.process.pid
        cpu, calls, at = cpu_seconds(pid), len(self.emulator.requests), time.monotonic()
        time.sleep(seconds)
        return Load(
            runs=self.running,
            seconds=time.monotonic() - at,
            cpu_seconds=cpu_seconds(pid) - cpu,
            megabytes=megabytes(pid),
            calls=len(self.emulator.requests) - calls,
        )


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int) -> float:
    """Return the resident memory of a process (Linux)."""
    (line,) = (
        it for it in Path(f"/proc/{pid}/status").read_text().splitlines() if it.startswith("VmRSS:")
    )
    return int(line.split()[1]) / 1024


def measured(at_once: Sequence[int], seconds: float) -> tuple[list[str], list[str]]:
    """Return the rows on starts and on the worker's load."""
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        bench = Bench(stack, Path(place))
        starts, loads, so_far = [], [], 0
        for total in at_once:
            more, so_far = total - so_far, total
            started = bench.start(more)
            starts.append(_spread(more, list(started.values())))
            bench.begin(started)
            loads.append(str(bench.load(seconds)))
            sys.stderr.write(f"{starts[-1]}\n{loads[-1]}\n")
    return starts, loads


def _spread(runs: int, seconds: Sequence[float]) -> str:
    late = f", {runs - len(seconds)} later" if len(seconds) < runs else ""
    if not seconds:
        return f"| {runs} | - | -{late} |"
    return f"| {runs} | {statistics.median(seconds):.1f} s | {min(seconds):.1f}-{max(seconds):.1f} s{late} |"


def page(calls: list[str], starts: list[str], loads: list[str], *, load: float) -> str:
    """Return the tables, under what they were measured on."""
    today = dt.datetime.now(dt.timezone.utc).date()
    return "\n".join(
        [
            (
                "Calls to Northflank, counted in simulated time (lasting jobs, all flow runs started at once, run times "
                "exponentially distributed):"
            ),
            "",
            "| flow runs at once | mean run | calls per run | calls in the worst hour |",
            "|---:|---|---:|---:|",
            *calls,
            "",
            (
                f"One worker process with its default settings, {today}, {platform.system()} {platform.machine()}, "
                f"{os.cpu_count()} cores shared with the server, its PostgreSQL, the emulator and other work "
                f"(load {load:.1f} before it began), "
                f"Python {platform.python_version()}, Prefect {version('prefect')}. "
                "The worker asks for flow runs every two seconds; between two rows, the flow runs of the row above go on."
            ),
            "",
            "| triggered at once | scheduled to started, median | smallest-largest |",
            "|---:|---:|---:|",
            *starts,
            "",
            "| flow runs that go on | CPU of one core | resident memory, MB | calls to Northflank |",
            "|---:|---:|---:|---:|",
            *loads,
            "",
        ]
    )


def write(text: str) -> None:
    """Replace what stands between the marks of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--at-once", type=int, nargs="+", default=AT_ONCE, help="flow runs that go on"
    )
    parser.add_argument("--seconds", type=float, default=20, help="how long each load is measured")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    options = parser.parse_args()
    load = os.getloadavg()[1]
    text = page(simulated_calls(), *measured(options.at_once, options.seconds), load=load)
    sys.stdout.write(text)
    if options.write:
        write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
