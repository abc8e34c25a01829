"""The emulator under load: 1,000 jobs, 200 runs at the same time; latency, memory, and no lost line.

python -m tests.contract.load
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local

import httpx

JOBS = 1000
RUNS = 200
LINES = 50
CALLERS = 8
TOKEN = "load"
COMMAND = f"sh -c 'i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); done; sleep 5'"


class Load:
    """The clients of one emulator, and how long each of their calls took."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._mine = local()
        self.seconds: dict[str, list[float]] = {}

    def call(self, what: str, method: str, path: str, body: object = None):
        client = getattr(self._mine, "client", None)
        if client is None:
            headers = {"authorization": f"Bearer {TOKEN}"}
            client = self._mine.client = httpx.Client(
                base_url=f"{self._url}/v1/projects/demo", headers=headers, timeout=120
            )
        begun = time.perf_counter()
        response = client.request(method, path, json=body)
        self.seconds.setdefault(what, []).append(time.perf_counter() - begun)
        response.raise_for_status()
        return response.json()["data"]

    def create(self, number: int) -> None:
        docker = {"configType": "customCommand", "customCommand": COMMAND}
        body = {
            "name": f"job-{number}",
            "billing": {"deploymentPlan": "nf-compute-20"},
            "deployment": {"external": {"imagePath": "a/b:c"}, "docker": docker},
            "settings": {"backoffLimit": 0},
        }
        self.call("create job", "POST", "/jobs", body)

    def start(self, number: int) -> tuple[str, str]:
        job = f"job-{number}"
        return job, self.call("start run", "POST", f"/jobs/{job}/runs", {})["id"]

    def follow(self, run: tuple[str, str]) -> tuple[str, int]:
        """Wait for the end of a run, and return its status and the number of its log lines."""
        job, key = run
        while not (seen := self.call("get run", "GET", f"/jobs/{job}/runs/{key}"))["concluded"]:
            time.sleep(0.5)
        query = f"runId={key}&lineLimit=10000"
        return seen["status"], len(self.call("read log", "GET", f"/jobs/{job}/logs?{query}"))


def main() -> int:
    emulator = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "northflank_emulator.cli",
            "--port=0",
            "--token",
            TOKEN,
            "--no-rate-limit",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        return measure(emulator)
    finally:
        emulator.terminate()
        emulator.wait(60)


def measure(emulator: subprocess.Popen[str]) -> int:
    assert emulator.stdout is not None
    load = Load(emulator.stdout.readline().strip())
    begun = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(load.create, range(JOBS)))
        runs = list(callers.map(load.start, range(RUNS)))
        ended = list(callers.map(load.follow, runs))
        pages = [
            load.call("list jobs", "GET", f"/jobs?per_page=100&page={n}") for n in range(1, 11)
        ]
    for what, seconds in load.seconds.items():
        cuts = statistics.quantiles(seconds, n=100)
        times = f"p50 {cuts[49] * 1000:7.1f} ms   p99 {cuts[98] * 1000:7.1f} ms"
        say(f"{what:12} {len(seconds):6} calls   {times}")
    say(f"all in {time.perf_counter() - begun:.1f} s, emulator's memory {memory(emulator.pid)} MB")
    lost = sum(LINES - lines for _, lines in ended)
    failed = sum(status != "SUCCESS" for status, _ in ended)
    say(f"jobs {sum(len(page['jobs']) for page in pages)}, failed runs {failed}, lost lines {lost}")
    return int(bool(lost or failed))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def memory(pid: int) -> str:
    """Return the memory of the process, if there is a /proc."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return "unknown"
    found = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return str(int(found.split()[1]) // 1024)


if __name__ == "__main__":
    sys.exit(main())
