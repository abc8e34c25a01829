"""A real Prefect server, real workers, a real emulator: each a process of its own, on ports the OS chose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import pytest
from httpx import codes
from northflank_emulator import Emulator
from northflank_emulator.settings import Settings
from prefect_northflank import NorthflankWorker

from tests.stack.worker.soak import light_images
from tests.support import prefect_tables, quick_start, waiting
from tests.support.http_client import HTTP
from tests.support.ports import free_port

T = TypeVar("T")
BIN = Path(sys.executable).parent
PATIENCE = float(os.environ.get("TEST_PATIENCE_SECONDS", "180"))
AUTH = "flows:S3cret"
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}

FLOWS = '''
import os
import sys
import time
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.flow_runs import suspend_flow_run


def count(marker: str) -> int:
    """Leave a trace of this execution; return how many there are."""
    if marker:
        with Path(marker).open("a") as trace:
            trace.write("x")
    return len(Path(marker).read_text()) if marker else 0


@flow
def hello(marker: str = "", seconds: float = 0.0, pulling: float = 0.0) -> None:
    time.sleep(pulling)
    count(marker)
    get_run_logger().info("hello from the flow")
    print("printed by the flow", flush=True)
    time.sleep(seconds)


@flow
def fails(marker: str = "") -> None:
    count(marker)
    raise ValueError("the flow's own error")


@flow
def environment(marker: str = "") -> None:
    with Path(marker).open("w") as trace:
        for key, value in sorted(os.environ.items()):
            trace.write(f"{key}={value}\\n")


@flow
def suspends(marker: str = "") -> None:
    if count(marker) == 1:
        suspend_flow_run(timeout=600)


@flow
def dies(marker: str = "") -> None:
    """Take the whole container down, as the kernel does when memory is out: its parent is to be the container's command."""
    count(marker)
    assert not os.environ.get("PYTHON_FORK_SERVER_OF_TESTS")
    print("about to die", flush=True)
    time.sleep(1)
    import signal

    me = os.getpid()
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(me, signal.SIGKILL)
'''


def wait_until(happened: Callable[[], T], what: str, *, patience: float = PATIENCE) -> T:
    """Return the first true answer of *happened*."""
    return waiting.wait_until(happened, what, seconds=patience, every=0.25)


@dataclass(frozen=True)
class Prefect:
    """A Prefect server, over HTTP."""

    url: str
    home: Path
    flows: Path
    http: httpx.Client
    restart: Callable[[], None]
    """Kill the server as a crash of its machine does, and start it again with the same database and port."""

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a client process: nothing of the developer's own Prefect."""
        inherited = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("PREFECT_", "NORTHFLANK_", "NF_"))
        }
        return inherited | {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.url,
            "PREFECT_API_AUTH_STRING": AUTH,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
            "NO_COLOR": "1",
            "PATH": f"{BIN}:{os.environ['PATH']}",
            **quick_start.ENVIRONMENT,
        }

    def cli(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(BIN / "prefect"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def post(self, path: str, body: dict[str, Any] | None = None, *, method: str = "POST") -> Any:
        """Return the answer; ask again while SQLite is locked or a connection breaks (two cores, many processes)."""
        answer = wait_until(
            lambda: self._answer(method, path, body or {}), f"Prefect answers {path}"
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response | None:
        try:
            answer = self.http.request(method, path, json=body)
        except httpx.TransportError:
            return None
        return None if answer.status_code == codes.SERVICE_UNAVAILABLE else answer

    def deploy(self, flow: str, pool: str, **job_variables: Any) -> UUID:
        flow_id = self.post("/flows/", {"name": flow})["id"]
        deployment = self.post(
            "/deployments/",
            {
                "name": f"test-{uuid4().hex[:8]}",
                "flow_id": flow_id,
                "work_pool_name": pool,
                "entrypoint": f"flows.py:{flow}",
                "pull_steps": [
                    {
                        "prefect.deployments.steps.set_working_directory": {
                            "directory": str(self.flows)
                        }
                    }
                ],
                "job_variables": job_variables,
                "parameter_openapi_schema": {"type": "object", "properties": {}},
                "enforce_parameter_schema": False,
            },
        )
        return UUID(deployment["id"])

    def trigger(
        self, deployment: UUID, *, job_variables: dict[str, Any] | None = None, **parameters: Any
    ) -> UUID:
        body = {
            "parameters": parameters,
            "state": {"type": "SCHEDULED"},
            "job_variables": job_variables,
            "idempotency_key": uuid4().hex,
        }
        return UUID(self.post(f"/deployments/{deployment}/create_flow_run", body)["id"])

    def flow_run(self, flow_run: UUID) -> dict[str, Any]:
        try:
            answer = self.http.get(f"/flow_runs/{flow_run}")
        except httpx.TransportError:
            return {"state_type": "", "state_name": ""}
        return answer.json() if answer.is_success else {"state_type": "", "state_name": ""}

    def state(self, flow_run: UUID) -> str:
        return str(self.flow_run(flow_run)["state_type"])

    def states(self, flow_run: UUID) -> list[tuple[str, str]]:
        seen = self.http.get("/flow_run_states/", params={"flow_run_id": str(flow_run)}).json()
        return [(it["type"], it["name"]) for it in seen]

    def wait_for(self, flow_run: UUID, *states: str) -> dict[str, Any]:
        """Return the flow run as it was when it was in one of *states*; a server that is busy for a moment matters not."""
        wanted = set(states) or FINAL

        def found() -> dict[str, Any] | None:
            answer = self.flow_run(flow_run)
            return answer if answer["state_type"] in wanted else None

        return wait_until(found, f"{flow_run} is {' or '.join(sorted(wanted))}")

    def set_state(self, flow_run: UUID, type_: str, name: str) -> None:
        self.post(f"/flow_runs/{flow_run}/set_state", {"state": {"type": type_, "name": name}})

    def logs(self, flow_run: UUID) -> str:
        found = self.post(
            "/logs/filter",
            {"logs": {"flow_run_id": {"any_": [str(flow_run)]}}, "sort": "TIMESTAMP_ASC"},
        )
        return "\n".join(line["message"] for line in found)


@dataclass
class Process:
    """A process we started; ended by its own pid."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, sent: signal.Signals = signal.SIGTERM, *, patience: float = PATIENCE) -> float:
        """Send the signal, wait for the end, return how long it took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(sent)
        self.process.wait(patience)
        return time.monotonic() - began


@contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[Process]:
    with log.open("wb") as out:
        process = Process(
            subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT), log
        )
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.send_signal(signal.SIGTERM)
            try:
                process.process.wait(20)
            except subprocess.TimeoutExpired:
                process.process.kill()
                process.process.wait(20)


@contextmanager
def prefect_server(home: Path, *, database: str | None = None) -> Iterator[Prefect]:
    """Run a server at a free port; its *database* is an address of PostgreSQL, or SQLite in *home*."""
    (home / "flows.py").write_text(FLOWS)
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    user, password = AUTH.split(":")
    with (
        httpx.Client(base_url=url, auth=(user, password), timeout=60) as http,
        ExitStack() as processes,
    ):

        def start() -> Process:
            process = processes.enter_context(running(command, env, home / "server.log"))

            def is_ready() -> bool:
                assert process.process.poll() is None, process.output
                try:
                    return http.get("/ready").is_success
                except httpx.TransportError:
                    return False

            wait_until(is_ready, "the Prefect server answers")
            return process

        def restart() -> None:
            nonlocal process
            process.stop(signal.SIGKILL)
            process = start()

        server = Prefect(url=url, home=home, flows=home, http=http, restart=restart)
        env = server.environment | {
            "PREFECT_SERVER_API_AUTH_STRING": AUTH,
            # SQLite under several workers and containers on two cores: wait for the lock instead of answering 503.
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
            # Five minutes by default.
            "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_CANCELLING_TIMEOUT_SECONDS": "30",
        }
        if database is not None:
            env["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database
        program = [str(BIN / "prefect"), "server", "start", "--no-ui"]
        command = [*program, "--host", "127.0.0.1", "--port", str(port)]
        process = start()
        yield server


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Iterator[Prefect]:
    home = tmp_path_factory.mktemp("prefect")
    prefect_tables.place(tables, home)
    with prefect_server(home) as server:
        yield server


@dataclass(frozen=True)
class Northflank:
    """An emulator, and what we ask it beside the worker."""

    base_url: str
    token: str
    project: str = "demo"

    def api(self, path: str) -> Any:
        """Return the data of the answer; ask again while a fault that a test set strikes us too."""
        return wait_until(lambda: self.asked_once(path), f"the emulator answers {path}")["data"]

    def asked_once(self, path: str) -> Any:
        """Return the whole answer, or None for a fault: too many requests, an error, no connection."""
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.base_url}/v1/projects/{self.project}{path}"
        try:
            answer = HTTP.get(url, headers=headers, timeout=30)
        except httpx.TransportError:
            return None
        if answer.status_code == codes.TOO_MANY_REQUESTS or answer.is_server_error:
            return None
        assert answer.is_success, answer.text
        return answer.json()

    def jobs(self) -> list[str]:
        """Return the ids of all jobs, whatever the number of pages."""
        found, page, more = [], 1, True
        while more:
            answer = wait_until(
                lambda page=page: self.asked_once(f"/jobs?per_page=100&page={page}"), "jobs listed"
            )
            found += [job["id"] for job in answer["data"]["jobs"]]
            page, more = page + 1, answer["pagination"]["hasNextPage"]
        return found

    def runs(self, job: str) -> list[dict[str, Any]]:
        return list(self.api(f"/jobs/{job}/runs?per_page=100")["runs"])


@dataclass
class Pool:
    """A work pool on an emulator, with workers that can be started and killed."""

    name: str
    prefect: Prefect
    northflank: Northflank
    folder: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    """What its workers have in their environment besides."""
    kind: str = "northflank"

    @property
    def environment(self) -> dict[str, str]:
        return self.prefect.environment | {
            "NORTHFLANK_API_TOKEN": self.northflank.token,
            "NORTHFLANK_API_BASE_URL": self.northflank.base_url,
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_NORTHFLANK_POLL_SECONDS": "1",
            "PREFECT_NORTHFLANK_FIRST_LOOK_SECONDS": "2",
            "PREFECT_NORTHFLANK_GRACE_SECONDS": "3",
            "PREFECT_NORTHFLANK_ADOPT_SECONDS": "3",
            "PREFECT_NORTHFLANK_SETTLE_SECONDS": "20",
            "PREFECT_NORTHFLANK_TIDY_SECONDS": "20",
            **self.extra,
        }

    @contextmanager
    def worker(self, name: str = "first", **extra: str) -> Iterator[Process]:
        command = [
            str(BIN / "prefect"),
            "worker",
            "start",
            *("--pool", self.name, "--name", f"{self.name}-{name}"),
            # Without it Prefect's command starts a process worker if something answers 404 to its question about the pool.
            *("--type", self.kind),
        ]
        log = self.folder / f"worker-{uuid4().hex[:6]}.log"
        with running(command, self.environment | extra, log) as process:
            try:
                yield process
            except AssertionError:
                sys.stderr.write(process.output)  # what pytest shows with the failure
                raise

    def deploy(self, flow: str, **job_variables: Any) -> UUID:
        usual = {"project_id": self.northflank.project, "billing_deployment_plan": "nf-compute-200"}
        return self.prefect.deploy(flow, self.name, **usual | job_variables)


def new_pool(prefect: Prefect, northflank: Northflank, folder: Path) -> Pool:
    name = f"nf-{uuid4().hex[:6]}"
    template = NorthflankWorker.get_default_base_job_template()
    prefect.post(
        "/work_pools/", {"name": name, "type": "northflank", "base_job_template": template}
    )
    return Pool(name=name, prefect=prefect, northflank=northflank, folder=folder)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    settings = Settings(
        rate_limit=None, images=quick_start.images(tmp_path_factory.mktemp("images"))
    )
    with Emulator(settings) as running_emulator:
        yield running_emulator


@pytest.fixture
def northflank(emulator: Emulator) -> Northflank:
    return Northflank(base_url=emulator.base_url, token=emulator.token)


@pytest.fixture
def pool(prefect: Prefect, northflank: Northflank, tmp_path: Path) -> Pool:
    """A new work pool; its workers are the test's."""
    return new_pool(prefect, northflank, tmp_path)


@pytest.fixture
def light(prefect: Prefect, tmp_path: Path) -> Iterator[tuple[Emulator, Pool]]:
    """An emulator whose containers are light ones, and a pool on it: what is tested is the worker."""
    settings = Settings(rate_limit=None, images=light_images(tmp_path))
    with Emulator(settings) as emulator:
        northflank = Northflank(base_url=emulator.base_url, token=emulator.token)
        yield emulator, new_pool(prefect, northflank, tmp_path)


@pytest.fixture(scope="session")
def served(
    prefect: Prefect, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pool]:
    """A work pool with a worker that serves many tests."""
    northflank = Northflank(base_url=emulator.base_url, token=emulator.token)
    pool = new_pool(prefect, northflank, tmp_path_factory.mktemp("served"))
    with pool.worker(PREFECT_NORTHFLANK_PATIENCE_SECONDS="10"):
        yield pool


@pytest.fixture(scope="session")
def conftest() -> Any:
    """This module, for what is not a fixture."""
    return sys.modules[__name__]
