"""How fast the stack is: time to healthy, flow runs a minute from a long queue, recording lag.

    python -m tests.stack.headless.bench [--seconds 90] [--queued 1000] [--tasks 300]

Prints a Markdown table. Needs an otherwise idle machine to mean anything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

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
POSTGRES = {"PREFECT_STORAGE_TYPE": "postgres", "PREFECT_HEADLESS_POSTGRES": "managed"}


def headless(environ: Mapping[str, str], *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "metaflow_prefect.headless", *arguments],
        env=dict(environ),
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ).stdout


@contextmanager
def environment(**changes: str) -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        # The managed cluster's user must get through.
        Path(folder).chmod(0o755)
        made = {
            **{name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")},
            "PREFECT_HOME": f"{folder}/home",
            "PREFECT_HEADLESS_POSTGRES_DIR": f"{folder}/cluster",
            "PREFECT_SERVER_PORT": "0",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            **changes,
        }
        try:
            yield made
        finally:
            headless(made, "down")


def seconds_to_healthy(environ: Mapping[str, str]) -> float:
    began = time.monotonic()
    headless(environ, "up", "-d")
    return time.monotonic() - began


def count(environ: Mapping[str, str], kind: str, query: object) -> int:
    import httpx

    url = json.loads(headless(environ, "env", "--json"))["PREFECT_API_URL"]
    return int(httpx.post(f"{url}/{kind}/count", json=query, timeout=60).json())


def runs_a_minute(environ: Mapping[str, str], *, queued: int, seconds: float) -> float:
    """Flow runs completed in a minute while the queue is never empty."""
    script = Path(environ["PREFECT_HOME"]) / "flows" / "trivial.py"
    script.write_text(TRIVIAL)
    headless(environ, "run", "python", str(script))
    client = json.loads(headless(environ, "env", "--json"))
    asyncio.run(_queue(client["PREFECT_API_URL"], queued))
    completed = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    while (before := count(environ, "flow_runs", completed)) == 0:
        time.sleep(0.5)
    began = time.monotonic()
    time.sleep(seconds)
    done = count(environ, "flow_runs", completed) - before
    return done * 60 / (time.monotonic() - began)


async def _queue(url: str, number: int) -> None:
    import httpx

    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        deployment = (await client.get("/deployments/name/trivial/bench")).json()["id"]
        limit = asyncio.Semaphore(8)

        async def one() -> None:
            async with limit:
                answer = await client.post(
                    f"/deployments/{deployment}/create_flow_run",
                    json={"state": {"type": "SCHEDULED"}},
                )
                answer.raise_for_status()

        await asyncio.gather(*(one() for _ in range(number)))


def recording_lag(environ: Mapping[str, str], *, tasks: int) -> float:
    """Seconds from the end of a flow's program until all its task runs are shown as completed."""
    script = Path(environ["PREFECT_HOME"]) / "flows" / "mapped.py"
    script.write_text(MAPPED)
    headless(environ, "run", "python", str(script), str(tasks))
    ended = time.monotonic()
    completed = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    while count(environ, "task_runs", completed) < tasks:
        time.sleep(0.05)
    return time.monotonic() - ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--queued", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=300)
    options = parser.parse_args()
    print("| | SQLite | PostgreSQL, managed |\n|---|---|---|")  # noqa: T201 -- the result
    rows: dict[str, list[str]] = {}
    for storage in ({}, POSTGRES):
        with environment(**storage) as environ:
            rows.setdefault("first `up -d` to healthy", []).append(
                f"{seconds_to_healthy(environ):.1f} s"
            )
            lag = recording_lag(environ, tasks=options.tasks)
            rows.setdefault(f"lag of {options.tasks} task runs", []).append(f"{lag:.1f} s")
            rate = runs_a_minute(environ, queued=options.queued, seconds=options.seconds)
            rows.setdefault(f"flow runs a minute, {options.queued} queued", []).append(
                f"{rate:.0f}"
            )
            headless(environ, "down")
            again = seconds_to_healthy(environ)
            rows.setdefault("next `up -d` to healthy", []).append(f"{again:.1f} s")
        with environment(**storage, **UNTUNED) as environ:
            headless(environ, "up", "-d", "--no-worker")
            lag = recording_lag(environ, tasks=options.tasks)
            rows.setdefault(f"lag of {options.tasks} task runs, Prefect's own settings", []).append(
                f"{lag:.1f} s"
            )
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")  # noqa: T201 -- the result


if __name__ == "__main__":
    main()
