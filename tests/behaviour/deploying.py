"""Runs flows as deployments: one server, one emulator and a worker for each kind of work pool, for many runs at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from northflank_emulator import Emulator
from northflank_emulator.settings import Settings
from prefect_northflank import NorthflankWorker

from tests.behaviour.cases import Case
from tests.behaviour.running import PATIENCE_SECONDS, Ended, Form, environment
from tests.prefect_server import Server

POOLS: Mapping[Form, str] = {
    Form.PROCESS: "process",
    Form.NORTHFLANK: "northflank",
    Form.STEPS: "process",
    Form.SLICES: "process",
}
"""The ways to run a deployment, with the type of their work pool."""

IN_CONTAINERS: Mapping[Form, str] = {
    Form.STEPS: "northflank:tasks_per_container=1",
    Form.SLICES: "northflank:tasks_per_container=3",
}
"""The decorator that sends every step into a container of its own."""

_FOREIGN = ("METAFLOW_", "PREFECT_", "NORTHFLANK_", "NF_")
_FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What deployments need: `environment` is that of a client of the server. Threads share it."""

    http: httpx.Client
    environment: Mapping[str, str]

    def pool(self, form: Form) -> str:
        """Return the name of the work pool."""
        return f"flows-{POOLS[form]}"

    def asked(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        known: tuple[int, ...] = (),
    ) -> Any:
        """Return the server's answer; ask again while it is too busy to give one. *known* are refusals that are no error."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self.http.request(method, path, json=body)
                is_busy = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
                if answer.status_code in known:
                    return None
                if not is_busy or time.monotonic() > deadline:
                    return answer.raise_for_status().json()
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """A run of a deployment that a worker takes up; `said` is what the commands have printed."""

    stage: Stage
    run_id: str
    said: str

    def wait(self) -> Ended:
        """Wait for its end; the exit code is that of `trigger --wait`."""
        flow_run = self.run_id.removeprefix("prefect-")
        deadline = (
            time.monotonic() + 2 * PATIENCE_SECONDS
        )  # until a worker takes it, and until it is over
        state = ""
        while state not in _FINAL and time.monotonic() < deadline:
            time.sleep(0.5)
            state = str(self.stage.asked("GET", f"/flow_runs/{flow_run}")["state_type"])
        wanted = {"logs": {"flow_run_id": {"any_": [flow_run]}}, "sort": "TIMESTAMP_ASC"}
        log = self.stage.asked("POST", "/logs/filter", wanted)
        output = "\n".join((self.said, *(line["message"] for line in log), state))
        return Ended(exit_code=int(state != "COMPLETED"), output=output, run_id=self.run_id)


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that did not start a run."""

    ended: Ended

    def wait(self) -> Ended:
        """Return how the command ended."""
        return self.ended


def deploy(case: Case, form: Form, root: Path, stage: Stage) -> subprocess.CompletedProcess[str]:
    """Deploy *case* from where its file is; runs keep their data below *root*."""
    added = [word for tag in case.tags for word in ("--tag", tag)]
    added += [word for spec in case.decospecs for word in ("--with", spec)]
    if form in IN_CONTAINERS:
        added += ["--with", IN_CONTAINERS[form]]
    for name, value in case.variables.items():
        added += ["--job-variable", f"env.{name}={value}"]
    if form is Form.NORTHFLANK:
        for variable in (
            f"env.METAFLOW_DATASTORE_SYSROOT_LOCAL={root}",
            # The emulator's containers have Metaflow; on Northflank the image's entrypoint installs it.
            "env.EXTRA_PIP_PACKAGES=",
            "project_id=demo",
            "billing_deployment_plan=nf-compute-200",
        ):
            added += ["--job-variable", variable]
    added += ["--work-pool", stage.pool(form), "--name", form.name.lower(), "--json"]
    return _flow(case, root, stage, "deploy", *added, *case.deploying)


def trigger(
    case: Case, deployed: subprocess.CompletedProcess[str], form: Form, root: Path, stage: Stage
) -> Triggered | Refused:
    """Start a run of the deployment: with the command where it has something to say, over HTTP elsewhere."""
    if deployed.returncode != 0:
        return Refused(Ended(exit_code=1, output=deployed.stdout + deployed.stderr, run_id=None))
    arguments = () if case.deploying else case.arguments
    if arguments or not case.starts:
        file = root / f"{case.name}.{form.name}.run-id"
        words = ("--name", form.name.lower(), "--run-id-file", str(file), *arguments)
        ended = _flow(case, root, stage, "trigger", *words)
        said = ended.stdout + ended.stderr
        if ended.returncode != 0:
            return Refused(Ended(exit_code=ended.returncode, output=said, run_id=None))
        return Triggered(stage=stage, run_id=file.read_text(), said=said)
    body = {"state": {"type": "SCHEDULED"}, "idempotency_key": case.name}
    created = stage.asked(
        "POST", f"/deployments/{_answer(deployed.stdout)['id']}/create_flow_run", body
    )
    return Triggered(stage=stage, run_id=f"prefect-{created['id']}", said=deployed.stderr)


def _answer(output: str) -> Any:
    """Return the JSON document at the end of *output*, which begins with what the flow prints when it is imported."""
    return json.loads(output[output.index("\n{\n") if "\n{\n" in output else 0 :])


def _flow(case: Case, root: Path, stage: Stage, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, case.file.name, "--quiet", "--no-pylint", *case.options, "prefect", *words],
        cwd=case.folder, env=environment(root, stage.environment),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip


@contextmanager
def stage(server: Server, folder: Path, forms: Iterable[Form]) -> Iterator[Stage]:
    """Make the work pools of *forms* on *server*, and serve them by workers that work in *folder*."""
    with ExitStack() as running:
        http = running.enter_context(httpx.Client(base_url=server.url, timeout=60))
        emulator = running.enter_context(Emulator(Settings(rate_limit=None)))
        found = Stage(http=http, environment=server.environment)
        for form in {POOLS[form]: form for form in forms}.values():
            running.enter_context(_worker(found, form, POOLS[form], folder, emulator))
        yield found


@contextmanager
def _worker(
    stage: Stage, form: Form, kind: str, folder: Path, emulator: Emulator
) -> Iterator[None]:
    body: dict[str, Any] = {"name": stage.pool(form), "type": kind}
    if form is Form.NORTHFLANK:
        body["base_job_template"] = NorthflankWorker.get_default_base_job_template()
    # Another module of this session may have made it.
    stage.asked("POST", "/work_pools/", body, known=(httpx.codes.CONFLICT,))
    with (folder / f"{kind}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", stage.pool(form), "--type", kind],
            cwd=folder, env=_environment(stage, emulator), stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield
        finally:
            _end(process)


def _environment(stage: Stage, emulator: Emulator) -> dict[str, str]:
    """Return a worker's environment: nothing of those who deploy."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {
        **inherited,
        **stage.environment,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NORTHFLANK_API_TOKEN": emulator.token,
        "NORTHFLANK_API_BASE_URL": emulator.base_url,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_NORTHFLANK_POLL_SECONDS": "1",
        "PREFECT_NORTHFLANK_FIRST_LOOK_SECONDS": "2",
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
