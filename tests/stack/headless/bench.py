"""How fast the stack is: time to healthy, flow runs a minute from a queue, recording lag.

    python -m tests.stack.headless.bench [--queued 100 1000] [--runs 300] [--tasks 300]

Prints a Markdown table, for SQLite and for a managed PostgreSQL; what it does meanwhile goes to
stderr. Needs a machine that does nothing else, and about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import prefect

TRIVIAL = """
from prefect import flow

@flow
def trivial():
    pass

if __name__ == "__main__":
    flow.from_source(source=__file__.rsplit("/", 1)[0], entrypoint="trivial.py:trivial").deploy(
        name="bench", work_pool_name="default-pool", ignore_warnings=True
    )
"""
"""Registers the deployment whose runs the worker executes, each in a Python process of its own."""
REPEATED = """
import asyncio, sys
from prefect import flow

@flow
async def trivial():
    pass

async def main(count):
    limit = asyncio.Semaphore(4)

    async def one():
        async with limit:
            await trivial()

    await asyncio.gather(*(one() for _ in range(count)))

asyncio.run(main(int(sys.argv[1])))
"""
"""The same flow again and again in one program, four at a time: what the server can take, without
the cost of starting a Python process for each run."""
QUEUED = """
import asyncio, sys
from prefect.client.orchestration import get_client

async def main(count):
    limit = asyncio.Semaphore(4)
    async with get_client() as client:
        deployment = await client.read_deployment_by_name("trivial/bench")

        async def one():
            async with limit:
                await client.create_flow_run_from_deployment(deployment.id)

        await asyncio.gather(*(one() for _ in range(count)))

asyncio.run(main(int(sys.argv[1])))
"""
"""By Prefect's client, which asks a busy server again."""
MAPPED = """
import sys
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

@task
def one(number):
    return number

@flow(task_runner=ThreadPoolTaskRunner(max_workers=16))
def mapped(count):
    one.map(list(range(count))).wait()

mapped(int(sys.argv[1]))
"""
RECORDER = "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_"
UNTUNED = {
    f"{RECORDER}BATCH_SIZE": "1",
    f"{RECORDER}READ_BATCH_SIZE": "1",
    f"{RECORDER}FLUSH_INTERVAL": "5",
}
STORAGES: Mapping[str, Mapping[str, str]] = {
    "SQLite": {},
    "PostgreSQL, managed": {
        "PREFECT_STORAGE_TYPE": "postgres",
        "PREFECT_HEADLESS_POSTGRES": "managed",
    },
}
COMPLETED = {"state": {"type": {"any_": ["COMPLETED"]}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack with a home of its own."""

    environ: Mapping[str, str]

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "metaflow_prefect.headless", *arguments],
            env=dict(self.environ),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
        return done.stdout

    def up(self, *options: str) -> float:
        """Seconds until `up -d` returns: everything is healthy then."""
        began = time.monotonic()
        self.command("up", "-d", *options)
        return time.monotonic() - began

    def python(self, name: str, program: str, *arguments: str) -> float:
        """Seconds that *program* takes as a client of this stack."""
        script = Path(self.environ["PREFECT_HOME"]) / "flows" / f"{name}.py"
        script.write_text(program)
        began = time.monotonic()
        self.command("run", "python", str(script), *arguments)
        return time.monotonic() - began

    @property
    def api_url(self) -> str:
        return str(json.loads(self.command("env", "--json"))["PREFECT_API_URL"])


@contextmanager
def stack(**changes: str) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory() as folder:
        # The managed cluster's user must get through.
        Path(folder).chmod(0o755)
        foreign = ("PREFECT_", "PG")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(foreign)}
        made = Stack(
            environ={
                **kept,
                "PREFECT_HOME": f"{folder}/home",
                "PREFECT_HEADLESS_POSTGRES_DIR": f"{folder}/cluster",
                "PREFECT_SERVER_PORT": "0",
                "PREFECT_LOGGING_LEVEL": "WARNING",
                **changes,
            }
        )
        try:
            yield made
        finally:
            made.command("down")


def count(api_url: str, kind: str, query: object) -> int:
    while True:
        answer = httpx.post(f"{api_url}/{kind}/count", json=query, timeout=60)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return int(answer.raise_for_status().json())


def recording_lag(made: Stack, *, tasks: int) -> float:
    """Seconds from the end of a flow's program until all its task runs are shown as completed."""
    url = made.api_url
    made.python("mapped", MAPPED, str(tasks))
    ended = time.monotonic()
    while count(url, "task_runs", {"task_runs": COMPLETED}) < tasks:
        time.sleep(0.05)
    return time.monotonic() - ended


def worker_rate(made: Stack, *, queued: int, seconds: float) -> float:
    """Flow runs the worker completes in a minute, once all of *queued* are in the queue.

    Those that were completed while the queue was filled are not counted, nor is that time.
    """
    url, query = made.api_url, {"flow_runs": COMPLETED}
    earlier = count(url, "flow_runs", query)
    made.python("queued", QUEUED, str(queued))
    before = count(url, "flow_runs", query)
    began = time.monotonic()
    while (now := count(url, "flow_runs", query)) < earlier + queued:
        if time.monotonic() - began > seconds:
            break
        time.sleep(1)
    return (now - before) * 60 / (time.monotonic() - began)


def measure(storage: Mapping[str, str], options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Name and value of each row, for one storage."""
    lag = f"{options.tasks} task runs recorded after the end of the flow"
    with stack(**storage) as made:
        yield "first `up -d` until healthy", f"{made.up():.1f} s"
        yield f"{lag}, tuned", f"{recording_lag(made, tasks=options.tasks):.1f} s"
        made.command("down")
        yield "next `up -d` until healthy", f"{made.up():.1f} s"
        took = made.python("repeated", REPEATED, str(options.runs))
        rate = options.runs * 60 / took
        yield f"flow runs a minute, {options.runs} in one program", f"{rate:.0f}"
        made.python("trivial", TRIVIAL)
        for queued in options.queued:
            rate = worker_rate(made, queued=queued, seconds=options.seconds)
            yield f"flow runs a minute, process worker, {queued} queued", f"{rate:.0f}"
    with stack(**storage, **UNTUNED) as made:
        made.up("--no-worker")
        yield f"{lag}, Prefect's defaults", f"{recording_lag(made, tasks=options.tasks):.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--queued", type=int, nargs="+", default=[100, 1000], help="lengths of the worker's queue"
    )
    parser.add_argument(
        "--seconds", type=float, default=60, help="how long a queue is watched at most"
    )
    parser.add_argument("--runs", type=int, default=300, help="flow runs of the one program")
    parser.add_argument("--tasks", type=int, default=300, help="task runs for the recording lag")
    options = parser.parse_args()
    rows: dict[str, dict[str, str]] = {}
    for storage, environ in STORAGES.items():
        for name, value in measure(environ, options):
            rows.setdefault(name, {})[storage] = value
            print(f"{storage}: {name}: {value}", file=sys.stderr, flush=True)  # noqa: T201  progress
    lines = [f"| | {' | '.join(STORAGES)} |", "|---|---|---|"]
    lines += [
        f"| {name} | {' | '.join(cells.get(storage, '-') for storage in STORAGES)} |"
        for name, cells in rows.items()
    ]
    where = f"{os.cpu_count()} cores, load {os.getloadavg()[2]:.0f} (15 minutes)"
    versions = f"Python {platform.python_version()}, Prefect {prefect.__version__}"
    lines += ["", f"{where}, {versions}"]
    print("\n".join(lines))  # noqa: T201  the result


if __name__ == "__main__":
    main()
