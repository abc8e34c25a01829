"""`make demo-northflank`: deploy the digits flow to a work pool, and watch Northflank's job run it.

One command, `prefect-headless up`, starts server, work pool, worker and an emulated Northflank. All
state is kept below `.demo/` in the project, and everything that was started is stopped at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from examples.demo import (
    FLOW_FILE,
    STATE,
    client_snippet,
    exit_code_of,
    read_back,
    use_local_state,
)
from examples.processes import DemoFailed, Processes

POOL = "nf"
PROJECT = "demo"
PLAN = "nf-compute-200"
"""Two processors and 4 GB: the four trainings run side by side."""

HEADLESS = Path(sys.executable).parent / "prefect-headless"
HOME = STATE / "northflank"
LOGS = HOME / "logs"
PATIENCE_SECONDS = 600


class Northflank:
    """What the demo asks the emulator beside the worker, to show what is going on there."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self.token = token

    def runs(self) -> Iterator[tuple[str, str]]:
        """Each job run of the project: `job/run`, and its status."""
        for job in self._get("/jobs")["jobs"]:
            for run in self._get(f"/jobs/{job['id']}/runs")["runs"]:
                yield f"{job['id']}/{run['id']}", run["status"]

    def _get(self, path: str) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is the emulator's
            f"{self.base_url}/v1/projects/{PROJECT}{path}",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                return json.load(answer)["data"]
        except urllib.error.URLError as error:
            msg = f"the emulator does not answer {path}: {error}; see {LOGS / 'emulator.log'}"
            raise DemoFailed(msg) from error


def _start_stack(processes: Processes) -> Northflank:
    """Start server, work pool, worker and emulator, and let everything that follows use them."""
    # The stack of a demo that was killed would still be there.
    subprocess.run([HEADLESS, "down"], check=True, stdout=subprocess.DEVNULL)
    # A run that an earlier demo was interrupted in must not come back in this one.
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ |= {
        "PREFECT_SERVER_PORT": "0",
        "PREFECT_HEADLESS_EMULATOR": "1",
        "PREFECT_WORKER_POOL_TYPE": "northflank",
        "PREFECT_WORKER_POOL_NAME": POOL,
        "PREFECT_WORKER_POOL_VARIABLES": json.dumps(
            {
                "project_id": PROJECT,
                "billing_deployment_plan": PLAN,
                # The jobs stay, so that what became of them can be shown.
                "cleanup_job": False,
            }
        ),
    }
    processes.at_the_end("the stack", [HEADLESS, "down"])
    processes.run("prefect-headless up", [HEADLESS, "up", "-d"])
    client = subprocess.run([HEADLESS, "env", "--json"], check=True, capture_output=True).stdout
    os.environ |= json.loads(client)
    northflank = Northflank(
        os.environ["NORTHFLANK_API_BASE_URL"], os.environ["NORTHFLANK_API_TOKEN"]
    )
    print(f"  Northflank {northflank.base_url} (emulated), project {PROJECT}, plan {PLAN}")
    return northflank


def _deploy(processes: Processes) -> None:
    """Deploy the flow with the datastore mounted, as a shared volume would be."""
    variable = f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={STATE}"
    print(
        "\nThe datastore of this demo is a folder, which a container does not see unless it is mounted.\n"
        f"The emulator's containers see it; this tells them where: --job-variable {variable}\n"
    )
    processes.run(
        "prefect deploy",
        [
            *(sys.executable, FLOW_FILE, "prefect", "deploy"),
            *("--work-pool", POOL, "--job-variable", variable),
        ],
    )


def _trigger(processes: Processes, northflank: Northflank) -> str:
    """Start a run, show its job run change, and return the pathspec of its Metaflow run."""
    run_id_file = STATE / "northflank-run-id"
    run_id_file.unlink(missing_ok=True)
    trigger = processes.start(
        "prefect trigger --wait",
        [
            *(sys.executable, FLOW_FILE, "prefect", "trigger"),
            *("--wait", "--run-id-file", run_id_file),
        ],
    )
    shown: dict[str, str] = {}
    end = time.monotonic() + PATIENCE_SECONDS
    while trigger.poll() is None:
        _show_changes(northflank, shown)
        if time.monotonic() > end:
            msg = f"the run is not over after {PATIENCE_SECONDS} s; see {LOGS}"
            raise DemoFailed(msg)
        time.sleep(1)
    _show_until_over(northflank, shown)
    if trigger.returncode != 0:
        msg = f"the run did not complete; the logs of server, emulator and worker are in {LOGS}"
        raise DemoFailed(msg)
    return f"DigitsFlow/{run_id_file.read_text(encoding='utf-8').strip()}"


def _show_changes(northflank: Northflank, shown: dict[str, str]) -> None:
    for name, status in northflank.runs():
        if shown.get(name) != status:
            shown[name] = status
            print(f"Northflank: job run {name} is {status}", flush=True)


def _show_until_over(northflank: Northflank, shown: dict[str, str]) -> None:
    """Prefect hears from the flow that it is over; the container ends a moment later."""
    end = time.monotonic() + 60
    while "RUNNING" in shown.values() and time.monotonic() < end:
        time.sleep(1)
        _show_changes(northflank, shown)
    if set(shown.values()) != {"SUCCESS"}:
        msg = f"the job runs on Northflank did not all succeed: {shown}"
        raise DemoFailed(msg)


def _demo() -> None:
    use_local_state(HOME)
    with Processes() as processes:
        northflank = _start_stack(processes)
        _deploy(processes)
        pathspec = _trigger(processes, northflank)
        read_back(pathspec)
        print(f"  look again  {client_snippet(pathspec)}\n")


if __name__ == "__main__":
    sys.exit(exit_code_of(_demo))
