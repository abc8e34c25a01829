"""`make demo-northflank`: deploy the digits flow to a work pool, and watch Northflank's job run it.

Server, emulator and worker are processes as in production; only Northflank itself is emulated. All
state is kept below `.demo/` in the project, and everything that was started is stopped at the end.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
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
from examples.processes import Command, DemoFailed, Processes, wait_for

POOL = "nf"
PROJECT = "demo"
PLAN = "nf-compute-200"
"""Two processors and 4 GB: the four trainings run side by side."""

BIN = Path(sys.executable).parent
_LOGS = STATE / "northflank"


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
            msg = f"the emulator does not answer {path}: {error}; see {_LOGS / 'emulator.log'}"
            raise DemoFailed(msg) from error


def _start_server(processes: Processes) -> None:
    """Start a Prefect server, and let everything that follows use it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    log = _LOGS / "server.log"
    command: Command = [
        BIN / "prefect",
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    server = processes.start("the Prefect server", command, log=log)

    def healthy() -> bool | None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 - ours
                return answer.status == 200 or None
        except OSError:
            return None

    wait_for("the Prefect server", healthy, process=server, log=log)
    os.environ["PREFECT_API_URL"] = url
    print(f"Prefect server  {url.removesuffix('/api')}")


def _start_emulator(processes: Processes) -> Northflank:
    token = secrets.token_urlsafe(16)
    log = _LOGS / "emulator.log"
    command: Command = [
        BIN / "northflank-emulator",
        "--port",
        "0",
        "--token",
        token,
        "--project",
        PROJECT,
    ]
    emulator = processes.start("the emulator", command, log=log)

    def base_url() -> str | None:
        first, newline, _ = log.read_text(encoding="utf-8").partition("\n")
        return first if newline else None

    found = wait_for("the emulator", base_url, process=emulator, log=log)
    print(f"Northflank      {found} (emulated)")
    return Northflank(found, token)


def _create_pool(northflank: Northflank) -> None:
    """Create the work pool, or bring it up to date: the emulator's address and token are new."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect_northflank import Northflank as Credentials
    from prefect_northflank import NorthflankWorker

    block = Credentials(api_token=northflank.token, base_url=northflank.base_url)
    block_id = block.save("demo", overwrite=True)
    template = NorthflankWorker.get_default_base_job_template()
    defaults = {
        "credentials": {"$ref": {"block_document_id": str(block_id)}},
        "project_id": PROJECT,
        "billing_deployment_plan": PLAN,
        # The jobs stay, so that they can be looked at afterwards.
        "cleanup_job": False,
    }
    for name, value in defaults.items():
        template["variables"]["properties"][name]["default"] = value
    with get_client(sync_client=True) as client:
        pool = WorkPoolCreate(name=POOL, type="northflank", base_job_template=template)
        client.create_work_pool(pool, overwrite=True)
    print(f"work pool       {POOL}, type northflank, project {PROJECT}, plan {PLAN}")


def _start_worker(processes: Processes) -> subprocess.Popen[bytes]:
    command: Command = [BIN / "prefect", "worker", "start", "--pool", POOL, "--type", "northflank"]
    worker = processes.start("the worker", command, log=_LOGS / "worker.log")
    print(f"worker          log in {_LOGS / 'worker.log'}")
    return worker


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


def _trigger(processes: Processes, worker: subprocess.Popen[bytes], northflank: Northflank) -> str:
    """Start a run, show its job run change, and return the pathspec of its Metaflow run."""
    run_id_file = _LOGS / "run-id"
    run_id_file.unlink(missing_ok=True)
    trigger = processes.start(
        "prefect trigger --wait",
        [
            *(sys.executable, FLOW_FILE, "prefect", "trigger"),
            *("--wait", "--run-id-file", run_id_file),
        ],
    )
    shown: dict[str, str] = {}
    while trigger.poll() is None:
        _show_changes(northflank, shown)
        if worker.poll() is not None:
            msg = f"the worker ended with exit code {worker.returncode}; see {_LOGS / 'worker.log'}"
            raise DemoFailed(msg)
        time.sleep(1)
    _show_until_over(northflank, shown)
    if trigger.returncode != 0:
        msg = f"the run did not complete; the logs of server, emulator and worker are in {_LOGS}"
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
    # A run that an earlier demo was interrupted in must not come back in this one.
    shutil.rmtree(_LOGS, ignore_errors=True)
    use_local_state(_LOGS / "prefect")
    with Processes() as processes:
        _start_server(processes)
        northflank = _start_emulator(processes)
        _create_pool(northflank)
        worker = _start_worker(processes)
        _deploy(processes)
        pathspec = _trigger(processes, worker, northflank)
        read_back(pathspec)
        print(f"  look again  {client_snippet(pathspec)}\n")


if __name__ == "__main__":
    sys.exit(exit_code_of(_demo))
