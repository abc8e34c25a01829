"""What steps in containers of their own cost: containers, calls to Northflank, and the container that waits for them.

python -m tests.stack.worker.steps_bench [--tasks 100 1000] [--at-once 8] [--waiting 20]

A real Prefect server on PostgreSQL, one real worker with its default settings, and the emulator, whose containers are
processes of this machine; at most `--at-once` of them run at the same time.
"""

# ruff: noqa: T201  a command speaks on its standard output

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from northflank_emulator import Emulator
from northflank_emulator.settings import Settings

from tests.stack.worker import conftest
from tests.stack.worker.bench import cpu_seconds, megabytes
from tests.stack.worker.database import postgres_url
from tests.stack.worker.proxy import Deed, Proxy, Request, Rule
from tests.stack.worker.step_soak import containers
from tests.stack.worker.test_step_containers import FINAL, Home, children_of

FLOW = "wide_flow.py"
PATIENCE_SECONDS = 3 * 3600
_MANY = 100


@dataclass
class Bench:
    """A pool with a worker, and a deployed flow whose own container speaks to Prefect through a proxy."""

    home: Home
    prefect: Any
    emulator: Emulator
    asked: Counter[str] = field(default_factory=Counter)
    """The requests of the flow's own containers to Prefect, by their path."""

    def deploy(self, proxy: Proxy, with_: str | None, *words: str) -> None:
        """Deploy the flow, its foreach step with the decorator *with_*, if any, and with the options *words*."""
        top = () if with_ is None else ("--with", with_)
        address = ("--job-variable", f"env.PREFECT_API_URL={proxy.url}")
        self.home.deploy(*address, "--concurrency-limit", "1", *words, flow=FLOW, top=top)
        body = {"deployments": {"tags": {"all_": ["metaflow-steps"]}}}
        for found in self.prefect.post("/deployments/filter", body):
            found["job_variables"]["env"]["PREFECT_API_URL"] = self.prefect.url
            changed = {"job_variables": found["job_variables"]}
            self.prefect.http.patch(f"/deployments/{found['id']}", json=changed).raise_for_status()

    def run(self, *words: str) -> Finished:
        """Run the flow, and return what that took."""
        calls, first = len(self.emulator.requests), time.monotonic()
        flow_run = self.home.trigger(*words, flow=FLOW)
        ended = self.wait(flow_run)
        seconds = time.monotonic() - first
        children = list(children_of(self.prefect, flow_run).values())
        assert ended["state"]["type"] == "COMPLETED", ended["state"]["message"]
        made = Counter(it.operation for it in self.emulator.requests[calls:])
        tasks, late = int(words[words.index("--tasks") + 1]), time.monotonic()
        while (recorded := self.recorded(flow_run, children)) < tasks and time.monotonic() < late + 60:  # fmt: skip
            time.sleep(0.5)
        late = time.monotonic() - late
        return Finished(flow_run, seconds, len(children), made, recorded, late)

    def wait(self, flow_run: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.prefect.post(f"/flow_runs/{flow_run}", method="GET")
            if found["state"]["type"] in FINAL:
                return found
            time.sleep(2)
        raise AssertionError(f"{flow_run} has not ended")

    def recorded(self, flow_run: str, children: list[dict[str, Any]]) -> int:
        """Return how many tasks of the foreach the server knows as completed."""
        ids = [flow_run, *(child["id"] for child in children)]
        body = {
            "flow_runs": {"id": {"any_": ids}},
            "task_runs": {
                "state": {"type": {"any_": ["COMPLETED"]}},
                "name": {"like_": "work["},
                "flow_run_id": {"any_": ids},
            },
        }
        nodes = sum(" work[" in child["name"] for child in children)
        return int(self.prefect.post("/task_runs/count", body)) - nodes

    def seconds_of_the_foreach(self, flow_run: str) -> float:
        """Return the time from the first begin of a task of the foreach to the last end, by the server's clock."""
        children = list(children_of(self.prefect, flow_run).values())
        ids = [child["id"] for child in children] or [flow_run]
        body = {
            "flow_runs": {"id": {"any_": ids}},
            "task_runs": {"name": {"like_": "work["}},
            "limit": 200,
        }
        found = self.prefect.post("/task_runs/filter", body)
        began = min(dt.datetime.fromisoformat(it["start_time"]) for it in found)
        ended = max(dt.datetime.fromisoformat(it["end_time"]) for it in found)
        return (ended - began).total_seconds()

    def load_while_waiting(self, seconds: float) -> str:
        """Return what the flow's own container costs while it waits for the others."""
        found = [it for it in containers() if is_of(it, self.waiting_run)]
        # The flow's process is forked from the container's, and has its command.
        (own,) = [it for it in found if it.ppid() not in {its.pid for its in found}]
        family = [own, *own.children(recursive=True)]
        before, asked = sum(cpu_seconds(it.pid) for it in family), self.asked.copy()
        time.sleep(seconds)
        used = sum(cpu_seconds(it.pid) for it in family) - before
        made = self.asked - asked
        size = sum(megabytes(it.pid) for it in family)
        return f"{100 * used / seconds:.1f} % of a core, {made.total() / seconds:.2f} requests a second ({dict(made)}), {size:.0f} MB"

    waiting_run: str = ""


@dataclass(frozen=True)
class Finished:
    """A run that has completed."""

    flow_run: str
    seconds: float
    containers: int
    calls: Counter[str]
    recorded: int
    late: float

    def __str__(self) -> str:
        return (
            f"{self.seconds:.0f} s, {self.containers} containers, {self.calls.total()} calls to Northflank "
            f"({dict(self.calls)}), {self.recorded} tasks completed on Prefect's page {self.late:.0f} s later"
        )


def is_of(process: psutil.Process, flow_run: str) -> bool:
    try:
        return process.environ().get("PREFECT__FLOW_RUN_ID", "").replace("-", "") == flow_run.replace("-", "")  # fmt: skip
    except psutil.Error:
        return False


@contextmanager
def bench(at_once: int) -> Iterator[tuple[Bench, Proxy]]:
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        database = stack.enter_context(postgres_url())
        prefect = stack.enter_context(conftest.prefect_server(folder, database=database))
        emulator = stack.enter_context(Emulator(Settings(rate_limit=None)))
        northflank = conftest.Northflank(base_url=emulator.base_url, token=emulator.token)
        pool = conftest.new_pool(prefect, northflank, folder)
        limit = {"concurrency_limit": at_once + 1}
        prefect.http.patch(f"/work_pools/{pool.name}", json=limit).raise_for_status()
        proxy = stack.enter_context(Proxy(prefect.url))
        found = Bench(Home(pool, folder), prefect, emulator)

        def count(request: Request) -> bool:
            found.asked[request.path.partition("?")[0]] += 1
            return False

        stack.enter_context(proxy.rule(Rule(deed=Deed.DELAY, matches=count)))
        defaults = {
            name: "" for name in pool.environment if name.startswith("PREFECT_NORTHFLANK_")
        } | {"PREFECT_WORKER_QUERY_SECONDS": "2"}
        stack.enter_context(pool.worker(**defaults))
        yield found, proxy


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stack.worker.steps_bench")
    parser.add_argument("--tasks", type=int, nargs="*", default=[1000])
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--waiting", type=float, default=60, help="seconds; 0 leaves it out")
    parser.add_argument("--chunk", type=int, default=100, help="tasks; 0 leaves it out")
    options = parser.parse_args()
    os.environ.update(USERNAME="tester")
    with bench(options.at_once) as (found, proxy):
        if options.chunk:
            compare_a_chunk(found, proxy, options.chunk)
        found.deploy(proxy, "northflank")
        if options.waiting:
            wait_for_all(found, options.at_once, options.waiting)
        for tasks in options.tasks:
            finished = found.run("--tasks", str(tasks))
            print(f"foreach of {tasks}: {finished}", flush=True)
            print_lost_containers(found, finished.flow_run)
    return 0


def compare_a_chunk(found: Bench, proxy: Proxy, tasks: int) -> None:
    """Print how long the tasks of one container take against the same in the flow's own container.

    A step's container executes one task at a time, since its plan has what one of them asks for; so does the flow's
    own container here, and then as many as it does by default.
    """
    with_ = f"northflank:tasks_per_container={tasks}"
    found.deploy(proxy, with_)
    chunk = found.seconds_of_the_foreach(found.run("--tasks", str(tasks)).flow_run)
    print(f"{tasks} tasks in one container of the step take {chunk:.1f} s", flush=True)
    for meaning, words in {"one at a time": ("--max-workers", "1"), "up to 16 at once": ()}.items():
        found.deploy(proxy, None, *words)
        own = found.seconds_of_the_foreach(found.run("--tasks", str(tasks)).flow_run)
        print(f"in the flow's own, {meaning}, {own:.1f} s: {chunk / own:.2f} times", flush=True)


def print_lost_containers(found: Bench, flow_run: str) -> None:
    """Print why containers were replaced: nothing here kills any."""
    for line in found.home.command("logs", f"prefect-{flow_run}", flow=FLOW).splitlines():
        if " was lost; " in line:
            print(line, flush=True)


def states_of_containers(found: Bench, flow_run: str) -> list[str]:
    return [it["state"]["type"] for it in children_of(found.prefect, flow_run).values()]


def wait_for_all(found: Bench, at_once: int, seconds: float) -> None:
    """Print the load of a container that waits for 100 others."""
    begun = found.home.trigger("--tasks", str(_MANY), "--seconds", str(seconds + 60), flow=FLOW)
    found.waiting_run = begun
    while (
        len(states := states_of_containers(found, begun)) < _MANY
        or states.count("RUNNING") < at_once
    ):
        time.sleep(2)
    time.sleep(10)
    print(f"waiting for {_MANY} containers: {found.load_while_waiting(seconds)}", flush=True)
    found.home.command("terminate", f"prefect-{begun}", flow=FLOW)
    found.wait(begun)


if __name__ == "__main__":
    sys.exit(main())
