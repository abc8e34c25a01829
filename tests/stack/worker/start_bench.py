"""How long it takes from `trigger` to the first line of the first step, and who needs how much of it.

python -m tests.stack.worker.start_bench [--pool process] [--rounds 5] [--write]

A real Prefect server, a real worker with its default settings, and an emulator whose containers are processes with this
interpreter: nothing is pulled or installed. With `--pool process`, Prefect's own worker of that type. All processes share one clock.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

from northflank_emulator import Emulator
from northflank_emulator.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "performance.md"
FLOW = """
from metaflow import FlowSpec, step


class StartFlow(FlowSpec):
    @step
    def start(self):
        print("the first line")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    StartFlow()
"""
_POLL = ("the worker's poll, until it has taken the flow run", "scheduled", "taken")
_OWN_PHASES = (
    ("the flow run, until Metaflow's run begins: the flow's import", "running", "begun"),
    ("Metaflow, until the first line of the first step", "begun", "first line"),
)
PHASES = {
    "northflank": (
        _POLL,
        ("the worker: claim, job, start", "taken", "started"),
        ("the container, until it checks its claim: Prefect's import", "started", "checked"),
        ("`prefect flow-run execute`, until the flow run is Running", "checked", "running"),
        *_OWN_PHASES,
    ),
    "process": (
        _POLL,
        ("Prefect's supervisor and engine, until the flow run is Running", "taken", "running"),
        *_OWN_PHASES,
    ),
}


_QUERY_SECONDS = {"northflank": "2", "process": "10"}
"""The defaults of the workers, which those of the tests do not have."""
_JOB_VARIABLES = {
    "northflank": (
        "env.EXTRA_PIP_PACKAGES=",
        "project_id=demo",
        "billing_deployment_plan=nf-compute-200",
    ),
    "process": (),
}


@dataclass(frozen=True)
class Place:
    """A pool with a deployed flow."""

    kind: str
    pool: Any
    emulator: Emulator
    folder: Path

    @classmethod
    def made(cls, stack: ExitStack, folder: Path, kind: str, query_seconds: str | None) -> Place:
        """Make it, of the type *kind*; *query_seconds* None leaves the worker its default."""
        from tests.stack.worker import conftest
        from tests.stack.worker.database import postgres_url

        database = stack.enter_context(postgres_url())
        prefect = stack.enter_context(conftest.prefect_server(folder, database=database))
        emulator = stack.enter_context(Emulator(Settings(rate_limit=None)))
        northflank = conftest.Northflank(base_url=emulator.base_url, token=emulator.token)
        pool = conftest.new_pool(prefect, northflank, folder)
        if kind == "process":
            pool = replace(pool, name="processes", kind=kind)
            prefect.post("/work_pools/", {"name": pool.name, "type": kind})
        place = cls(kind=kind, pool=pool, emulator=emulator, folder=folder)
        (folder / "start_flow.py").write_text(FLOW)
        place.command(
            *("deploy", "--work-pool", pool.name),
            *("--job-variable", f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={folder}"),
            *(word for it in _JOB_VARIABLES[kind] for word in ("--job-variable", it)),
        )
        # The worker's defaults: those of the tests ask far more often.
        defaults = {name: "" for name in pool.environment if name.startswith("PREFECT_NORTHFLANK_")}
        query = {"PREFECT_WORKER_QUERY_SECONDS": query_seconds or _QUERY_SECONDS[kind]}
        stack.enter_context(pool.worker(**defaults | query))
        return place

    def command(self, *words: str) -> str:
        """Give a command to the flow."""
        done = subprocess.run(
            [sys.executable, "start_flow.py", "--quiet", "--no-pylint", "prefect", *words],
            cwd=self.folder,
            env={
                **self.pool.environment,
                "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.folder),
                "USERNAME": "bench",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> Mapping[str, dt.datetime]:
        """Trigger a run, and return when what happened."""
        file = self.folder / "run-id"
        self.command("trigger", "--run-id-file", str(file))
        flow_run = UUID(file.read_text().removeprefix("prefect-"))
        self.pool.prefect.wait_for(flow_run, "COMPLETED")
        found: dict[str, dt.datetime] = {}
        states = self.pool.prefect.http.get(
            "/flow_run_states/", params={"flow_run_id": str(flow_run)}
        ).json()
        for state in states:
            name = {"SCHEDULED": "scheduled", "RUNNING": "running"}.get(state["type"])
            if state["type"] == "PENDING":
                name = "checked" if state["name"] == "Starting" else "taken"
            if name is not None:
                found.setdefault(name, at(state["timestamp"]))
        starts = [it.at for it in self.emulator.requests if it.operation == "start.job.run"]
        if starts:
            found["started"] = starts[-1]
        self.read_logs(flow_run, found)
        return found

    def read_logs(self, flow_run: UUID, found: dict[str, dt.datetime]) -> None:
        """Put into *found* what only the flow run's log tells, once it is there."""
        while "first line" not in found:
            lines = self.pool.prefect.post(
                "/logs/filter", {"logs": {"flow_run_id": {"any_": [str(flow_run)]}}}
            )
            for line in lines:
                if " begins" in line["message"]:
                    found["begun"] = at(line["timestamp"])
                if line["message"] == "the first line":
                    found["first line"] = at(line["timestamp"])
            time.sleep(0.5)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def seconds(kind: str, found: Mapping[str, dt.datetime]) -> Iterator[float]:
    """Yield how long each phase took."""
    for _, begin, end in PHASES[kind]:
        yield (found[end] - found[begin]).total_seconds()


def table(kind: str, rounds: Sequence[Sequence[float]], load: float) -> str:
    """Return the table for the page, under what it was measured on."""
    rows = [
        f"| {name} | {statistics.median(values):.1f} s | {min(values):.1f}-{max(values):.1f} s |"
        for (name, *_), values in zip(PHASES[kind], zip(*rounds, strict=True), strict=True)
    ]
    whole = [sum(found) for found in rounds]
    today = dt.datetime.now(dt.timezone.utc).date()
    return "\n".join(
        [
            (
                f"{len(rounds)} runs, {today}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores shared with "
                f"the server, the worker and other work (load {load:.1f} at the end), "
                f"Python {platform.python_version()}, Prefect {version('prefect')}."
            ),
            "",
            "| from `trigger` to the first line of the first step | median | smallest-largest |",
            "|---|---:|---:|",
            *rows,
            f"| all | {statistics.median(whole):.1f} s | {min(whole):.1f}-{max(whole):.1f} s |",
            "",
        ]
    )


def write(kind: str, text: str) -> None:
    """Replace what stands between the marks of the page."""
    begin, end = f"<!-- start bench, {kind}: begin -->", f"<!-- start bench, {kind}: end -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pool", choices=tuple(PHASES), default="northflank", dest="kind")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--query-seconds", help="PREFECT_WORKER_QUERY_SECONDS of the worker")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    options = parser.parse_args()
    rounds: list[Sequence[float]] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = Place.made(stack, Path(folder), options.kind, options.query_seconds)
        # The first run finds nothing in the page cache.
        for number in range(options.rounds + 1):
            found = tuple(seconds(options.kind, place.start()))
            sys.stderr.write(f"{number}: {' '.join(f'{it:.2f}' for it in found)}\n")
            rounds += [found] if number else []
    text = table(options.kind, rounds, os.getloadavg()[0])
    sys.stdout.write(text)
    if options.write:
        write(options.kind, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
