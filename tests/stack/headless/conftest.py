"""Fixtures: stacks of real processes, each ended by its own `down` whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import prefect_tables, quick_start
from tests.support.http_client import HTTP
from tests.support.ports import free_port
from tests.support.waiting import wait_until

TIMEOUT_SECONDS = 120
UP_SECONDS = "240"
PASSWORD = "pg@ss/w:rd%"


@dataclass
class Stack:
    """`prefect-headless` with one PREFECT_HOME and one environment."""

    home: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def command(
        self, *arguments: str, cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "metaflow_prefect.headless", *arguments],
            env=self.environment(**environ),
            cwd=cwd or self.home.parent,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def environment(self, **environ: str) -> dict[str, str]:
        return {
            **os.environ,
            **quick_start.ENVIRONMENT,
            "PREFECT_HOME": str(self.home),
            "PREFECT_SERVER_PORT": "0",
            **self.environ,
            **environ,
        }

    def up(self, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
        done = self.command("up", "-d", "--wait", UP_SECONDS, *options, **environ)
        assert done.returncode == 0, done.stdout + done.stderr + self.every_log()
        return done

    def down(self) -> subprocess.CompletedProcess[str]:
        return self.command("down")

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.command("status", "--json").stdout))

    def until_healthy(self) -> dict[str, Any]:
        return eventually(
            lambda: (found := self.status())["verdict"] == "healthy" and found, what="healthy"
        )

    def pid(self, service: str) -> int | None:
        for found in self.status()["services"]:
            if found["name"] == service:
                return found["pid"]
        return None

    @property
    def record(self) -> dict[str, Any]:
        return dict(json.loads((self.home / "headless" / "stack.json").read_text()))

    @property
    def api_url(self) -> str:
        return str(self.record["local_url"])

    def api(self, method: str, path: str, body: object = None) -> Any:
        answer = HTTP.request(method, self.api_url + path, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def sh(self, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """A shell command with the stack's variables, as a user types it after `run`."""
        return self.command("run", "sh", "-c", script, **environ)

    def every_log(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}"
            for path in sorted((self.home / "logs").glob("*.log"))
        )

    def processes(self) -> list[int]:
        """Every live process whose environment names this stack."""
        mark = f"PREFECT_HEADLESS_STACK={self.home}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found


def eventually(question: Callable[[], Any], *, what: str, seconds: float = TIMEOUT_SECONDS) -> Any:
    """Ask until the answer is true, and return it; a question is often a command, a second of CPU."""
    return wait_until(question, what, seconds=seconds, every=0.5)


@pytest.fixture(scope="session")
def eventually_() -> Callable[..., Any]:
    return eventually


@pytest.fixture(scope="session")
def new_stack(
    tmp_path_factory: pytest.TempPathFactory, tables: Path
) -> Iterator[Callable[..., Stack]]:
    """Stacks that are not started yet, with an empty home or Prefect's tables in it; each is ended after the last test."""
    made: list[Stack] = []

    def make(*, has_tables: bool = False, **environ: str) -> Stack:
        stack = Stack(home=tmp_path_factory.mktemp("stack") / "home", environ=environ)
        if has_tables:
            prefect_tables.place(tables, stack.home)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        if stack.processes():
            stack.down()


@pytest.fixture(scope="session")
def shared_stack(new_stack: Callable[..., Stack]) -> Stack:
    return new_stack(PREFECT_WORKER_QUERY_SECONDS="1")


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """The stack the documentation begins with: SQLite and one process worker, which only looks oftener.

    One for all tests, started by the first and again after a test that ended it.
    """
    if not (shared_stack.home / "headless" / "stack.json").exists():
        shared_stack.up()
    return shared_stack


def system_program(name: str) -> str:
    """The path of a program; the test is skipped where tests/system_programs.sh did not find it."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed on this machine (see tests/system_programs.sh)")
    return found


def postgres_programs() -> Path:
    """The folder of `initdb` and `postgres`, which Debian keeps out of the search path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else Path(system_program("initdb")).resolve().parent


@dataclass
class RedisServer:
    """A Redis server that keeps nothing."""

    port: int
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    program = system_program("redis-server")
    server = RedisServer(
        port := free_port(),
        subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
            cwd=tmp_path_factory.mktemp("redis"),
            stdout=subprocess.DEVNULL,
        ),
    )
    yield server
    server.process.terminate()
    server.process.wait(30)


@pytest.fixture(scope="session")
def find_program() -> Callable[[str], str]:
    return system_program


@dataclass
class PostgresServer:
    """A PostgreSQL server that is not the stack's: somebody else's, with its own superuser."""

    directory: Path
    programs: Path
    port: int
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                str(self.programs / "postgres"),
                *("-D", str(self.directory), "-p", str(self.port)),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            ],
            user=self.user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://admin:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server at a free port, superuser `admin` with a password full of odd characters."""
    programs = postgres_programs()
    as_root = os.geteuid() == 0
    # PostgreSQL does not run as root, and pytest's folders are closed to other users.
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    (folder / "password").write_text(PASSWORD)
    if as_root:
        subprocess.run(["chown", "-R", "postgres", str(folder)], check=True)
    user = "postgres" if as_root else None
    subprocess.run(
        [
            str(programs / "initdb"),
            *("-D", str(folder / "data"), "-U", "admin", "-A", "scram-sha-256"),
            *("--pwfile", str(folder / "password"), "--no-sync", "-E", "UTF8", "--no-locale"),
        ],
        check=True,
        user=user,
        cwd="/",
        stdout=subprocess.DEVNULL,
    )
    server = PostgresServer(folder / "data", programs, free_port(), user)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for tests that need one of somebody else's."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def managed(new_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack that runs its own PostgreSQL, in a directory that the `postgres` user can reach."""
    postgres_programs()
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    made = new_stack(
        PREFECT_STORAGE_TYPE="postgres",
        PREFECT_HEADLESS_POSTGRES_DIR=f"{folder}/cluster",
        PGPORT=str(free_port()),
    )
    made.up("--no-worker")
    yield made
    made.down()
    shutil.rmtree(folder)
