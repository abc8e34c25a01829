"""Measure a wide foreach whole: the flow's tree, Prefect's server and its database; fail unless all of it is recorded.

    python -m tests.bench.wide [--tasks 1000 10000] [--server NAME]… [--compare] [--write]

`--compare` runs Metaflow's own `run` of the first width, for the ratio of what a task costs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from metaflow_prefect.headless.files.layout import Layout
from metaflow_prefect.headless.files.stack_record import load_record
from metaflow_prefect.runtime.servers import local_server
from metaflow_prefect.runtime.servers.local_server_files import ServerFiles
from tests.bench.measuring import measure, pss_kilobytes
from tests.bench.page import machine, replace_between
from tests.stack.headless.bench import STORAGES, stack

FLOWS = Path(__file__).parent / "flows"
BEGIN, END = "<!-- wide bench: begin -->", "<!-- wide bench: end -->"
LOCAL = "local server (SQLite)"
OTHER_TASKS = 3
"""`start`, `join` and `end`."""
LOOK_SECONDS = 0.2
STEADY_SECONDS = 6
"""Longer than the server keeps events in a batch (`server_settings.PERSISTER`: two seconds)."""

RECORDED_SECONDS = 30.0
"""How long after the flow's end the server may take to know the end of every task run."""
FINAL = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
DROPPED = ("queue is full", "dropping")
_WORKERS = ("--max-workers", "16")
_SAMPLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server, the root of its processes, and what a client of it needs."""

    name: str
    url: str
    pid: int
    home: Path
    environment: Mapping[str, str]

    def cpu_seconds(self) -> float:
        """Return the CPU time of all of its processes, the database's among them."""
        return sum(map(_cpu_seconds, _tree(self.pid)))

    def megabytes(self) -> float:
        """Return the memory of all of its processes, shared pages counted once."""
        return sum(pss_kilobytes(process.pid) for process in _tree(self.pid)) / 1000

    def count(self, table: str, body: Mapping[str, object]) -> int:
        """Return how many rows of *table* the server has."""
        return int(httpx.post(f"{self.url}/{table}/count", json=body, timeout=120).json())

    def dropped(self) -> int:
        """Return how often the server's logs tell that events were dropped."""
        logs = [*self.home.rglob("*.log"), *self.home.rglob("*.log.*")]
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        return sum(any(word in line for word in DROPPED) for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of a foreach of *tasks*; memory is the largest that was seen."""

    server: str
    tasks: int
    wall_seconds: float
    flow_cpu_seconds: float
    server_cpu_seconds: float
    events: int
    recorded: int
    recorded_after_seconds: float
    dropped: int
    flow_megabytes: float
    server_megabytes: float

    @property
    def is_complete(self) -> bool:
        """Whether the server knows the end of every task run, in time, and has dropped nothing."""
        wanted = self.tasks + OTHER_TASKS
        in_time = self.recorded_after_seconds <= RECORDED_SECONDS
        return self.recorded == wanted and in_time and not self.dropped

    def row(self, own_cpu_seconds_of_a_task: float | None) -> str:
        """Return the line of the table."""
        cpu = self.flow_cpu_seconds + self.server_cpu_seconds
        whole = cpu / self.tasks
        ratio = (
            "-" if own_cpu_seconds_of_a_task is None else f"{whole / own_cpu_seconds_of_a_task:.2f}"
        )
        return (
            f"| {self.server} | {self.tasks:,} | {self.wall_seconds:.0f} | {self.flow_cpu_seconds:.1f} "
            f"| {self.server_cpu_seconds:.1f} | {whole * 1000:.0f} | {ratio} | {self.events / self.tasks:.2f} "
            f"| {self.recorded:,} after {self.recorded_after_seconds:.1f} s | {self.dropped} "
            f"| {self.flow_megabytes:.0f} | {self.server_megabytes:.0f} |"
        )  # fmt: skip


HEAD = (
    "| server | tasks | wall, s | CPU of the flow's tree, s | CPU of server and database, s | CPU of a task, ms "
    "| ratio to Metaflow's own `run` | events of a task | task runs recorded | dropped | flow's process, MB | server and database, MB |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|"
)


def measured(server: Running, tasks: int, folder: Path) -> Measured:
    """Run a foreach of *tasks* and wait until the server has recorded it."""
    before = server.cpu_seconds()
    earlier = _events(server)
    known = server.count("task_runs", {})
    began = time.monotonic()
    with (folder / "output").open("wb") as output:
        flow = subprocess.Popen(
            [sys.executable, "foreach_prefect.py", *_WORKERS, "--width", str(tasks)],
            env={**server.environment, "METAFLOW_PREFECT_LAUNCHER": "off"},
            cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        with peaks(lambda: pss_kilobytes(flow.pid) / 1000, server.megabytes) as largest:
            _, status, usage = os.wait4(flow.pid, 0)
            ended = time.monotonic()
            flow.returncode = os.waitstatus_to_exitcode(status)
            recorded = _wait_until_recorded(server, known + tasks + OTHER_TASKS, ended) - known
            recorded_after = time.monotonic() - ended
            events = _wait_until_steady(lambda: _events(server))
    if flow.returncode != 0:
        sys.exit((folder / "output").read_text(errors="replace")[-3000:])
    return Measured(
        server=server.name,
        tasks=tasks,
        wall_seconds=ended - began,
        flow_cpu_seconds=usage.ru_utime + usage.ru_stime,
        server_cpu_seconds=server.cpu_seconds() - before,
        events=events - earlier,
        recorded=recorded,
        recorded_after_seconds=recorded_after,
        dropped=server.dropped(),
        flow_megabytes=largest[0],
        server_megabytes=largest[1],
    )


def _wait_until_recorded(server: Running, wanted: int, ended: float) -> int:
    in_the_end = {"task_runs": {"state": {"type": {"any_": FINAL}}}}
    while (found := server.count("task_runs", in_the_end)) < wanted:
        if time.monotonic() - ended > RECORDED_SECONDS:
            break
        time.sleep(LOOK_SECONDS)
    return found


def _wait_until_steady(look: Callable[[], int]) -> int:
    """Return a count that has not changed for longer than the server keeps events in a batch."""
    last = look()
    while True:
        time.sleep(STEADY_SECONDS)
        if (now := look()) == last:
            return now
        last = now


def _events(server: Running) -> int:
    body = {"filter": {"event": {"prefix": ["prefect.task-run."]}}, "limit": 1}
    return int(
        httpx.post(f"{server.url}/events/filter", json=body, timeout=120).json().get("total", 0)
    )


@contextmanager
def peaks(*looks: Callable[[], float]) -> Iterator[list[float]]:
    """Yield the largest value that each of *looks* has returned while the block runs."""
    largest, over = [0.0] * len(looks), threading.Event()

    def watch() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            for number, look in enumerate(looks):
                largest[number] = max(largest[number], look())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield largest
    finally:
        over.set()
        thread.join()


def _tree(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def _cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process and of its children that have ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:4]))
    return 0.0


@contextmanager
def on_local_server(folder: Path) -> Iterator[Running]:
    """Start the local server as a first run does."""
    home = folder / "home"
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home),
        "METAFLOW_PREFECT_LAUNCHER": "off",
        **_of_metaflow(folder),
    }
    try:
        with local_server.using(home, environment, lambda _: None) as url:
            found = ServerFiles.below(home).read()
            assert found is not None
            yield Running(name=LOCAL, url=url, pid=found.pid, home=home, environment=environment)
    finally:
        local_server.stop(home, even_if_used=True)


@contextmanager
def on_stack(storage: str, folder: Path) -> Iterator[Running]:
    """Start a headless stack without a worker."""
    with stack(**STORAGES[storage]) as made:
        made.up("--no-worker")
        home = Path(made.environ["PREFECT_HOME"])
        record = load_record(Layout(home=home))
        assert record is not None
        client = {**made.environ, "PREFECT_API_URL": made.api_url, **_of_metaflow(folder)}
        yield Running(
            name=f"headless stack ({storage})",
            url=made.api_url,
            pid=record.supervisor_pid,
            home=home,
            environment=client,
        )


SERVERS: Mapping[str, Callable[[Path], contextlib.AbstractContextManager[Running]]] = {
    "local": on_local_server,
    "SQLite": lambda folder: on_stack("SQLite", folder),
    "PostgreSQL": lambda folder: on_stack("PostgreSQL, managed", folder),
}


def _of_metaflow(folder: Path) -> dict[str, str]:
    return {"USERNAME": "bench", "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder)}


def main() -> None:
    """Parse, measure, print; with --write also into the page."""
    parser = argparse.ArgumentParser(description="A wide foreach, counted whole.")
    parser.add_argument("--tasks", type=int, nargs="+", default=[1000])
    parser.add_argument("--server", action="append", choices=SERVERS)
    parser.add_argument("--compare", action="store_true", help="with Metaflow's own run")
    parser.add_argument("--write", action="store_true", help="replace the table of the page")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="metaflow-prefect-wide-") as name:
        folder = Path(name)
        shutil.copy(FLOWS / "foreach.py", folder)
        environment = {**os.environ, **_of_metaflow(folder)}
        compiling = ("foreach.py", "--no-pylint", "prefect", "create", "foreach_prefect.py")
        measure([sys.executable, *compiling], environment, folder)
        own = (
            _own_cpu_seconds(arguments.tasks[0], environment, folder) if arguments.compare else None
        )
        found = []
        for server in arguments.server or SERVERS:
            with SERVERS[server](folder) as running:
                for tasks in arguments.tasks:
                    found.append(measured(running, tasks, folder))
                    sys.stderr.write(f"{found[-1]}\n")
    text = "\n".join([machine(), "", HEAD, *(one.row(own) for one in found), ""])
    sys.stdout.write(text)
    if arguments.write:
        replace_between(BEGIN, END, text)
    if not all(one.is_complete for one in found):
        sys.exit("Not every task run was recorded in time, or events were dropped.")


def _own_cpu_seconds(tasks: int, environment: Mapping[str, str], folder: Path) -> float:
    words = ("foreach.py", "--no-pylint", "run", "--max-num-splits", str(tasks), *_WORKERS)
    cost = measure([sys.executable, *words, "--width", str(tasks)], environment, folder)
    sys.stderr.write(f"Metaflow's own run of {tasks}: {cost}\n")
    return cost.cpu_seconds / tasks


if __name__ == "__main__":
    main()
