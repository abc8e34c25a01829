"""A laptop that knows a Northflank (the emulator) and an S3 API (moto's server), for tests, soaks and comparisons.

The emulator pulls one image: a Python with boto3, and nothing of this project, of Metaflow or of Prefect.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from northflank_emulator import Emulator
from northflank_emulator.settings import Settings

from tests.support.s3 import s3_api

KEYS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}
NOT_IN_THE_IMAGE = (
    "metaflow",
    "prefect",
    "northflank",
    "__editable__",
    "__pycache__",
    "uv-",
    "uv_",
)
FEW_PROCESSES = {"METAFLOW_S3_WORKER_COUNT": "4"}
"""Metaflow starts 64 processes by default to read several objects from S3: a minute for `resume` on a busy machine."""

FOREIGN = ("METAFLOW_", "PREFECT_", "NORTHFLANK_", "NF_", "TESTS_")
PATIENCE_SECONDS = 500


@dataclass
class Run:
    """A run under way: its process, and what it prints."""

    process: subprocess.Popen[str]
    log: Path
    run_id_file: Path

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def run_id(self) -> str:
        return self.run_id_file.read_text().strip()

    def wait(self) -> int:
        """Return the exit code of the run; kill it with all its processes if it takes too long."""
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise


@dataclass
class Laptop:
    """A user's machine: a folder for metadata and logs, and an environment."""

    folder: Path
    emulator: Emulator
    s3: str
    user: str = "ann"
    settings: Mapping[str, str] = field(default_factory=dict)
    runs: int = 0
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: it for name, it in os.environ.items() if not name.startswith(FOREIGN)}
        return {
            **inherited,
            **KEYS,
            "USERNAME": self.user,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "METAFLOW_HOME": str(self.folder / "home"),
            "METAFLOW_S3_ENDPOINT_URL": self.s3,
            "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow",
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.folder),
            "METAFLOW_DEFAULT_METADATA": "local",
            "NORTHFLANK_API_TOKEN": self.emulator.token,
            "NORTHFLANK_API_BASE_URL": self.emulator.base_url,
            "METAFLOW_NORTHFLANK_PROJECT": "demo",
            **FEW_PROCESSES,
            "PYTHONUNBUFFERED": "1",
            **self.settings,
        }

    def start(
        self, flow: Path, *words: str, datastore: str = "s3", options: tuple[str, ...] = ()
    ) -> Run:
        """Start a command of *flow* in a process group of its own."""
        self.runs += 1
        log = self.folder / f"{flow.stem}-{self.runs}.log"
        run_id_file = self.folder / f"{flow.stem}-{self.runs}.run-id"
        command = [
            sys.executable, str(flow), "--no-pylint", "--datastore", datastore, *options, *words,
        ]  # fmt: skip
        if words[0] in {"run", "resume"}:
            command += ["--run-id-file", str(run_id_file)]
        with log.open("w") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=output,
                stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return Run(process, log, run_id_file)

    def kill_runs(self) -> None:
        """Kill the runs that a test which failed, or was interrupted, has left; their brokers end with them."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def command(self, flow: Path, *words: str, code: int = 0, **options: Any) -> str:
        """Return what a command prints, which ends with *code*."""
        run = self.start(flow, *words, **options)
        assert run.wait() == code, run.output
        return run.output

    def read(self, program: str, *words: str) -> Any:
        """Return what a Python program prints as JSON."""
        done = subprocess.run(
            [sys.executable, "-c", program, *words], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def jobs(self) -> list[str]:
        """The jobs of the project."""
        found: Any = self.emulator.call("GET", "/v1/projects/demo/jobs")
        return [job["id"] for job in found["jobs"]]


def stock_image(folder: Path) -> Path:
    """Make an images file with one image: `python:…`, with boto3 as its only package beside pip's."""
    venv.create(folder / "env", with_pip=False, symlinks=True)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if item.name != "uv" and not any(name in item.name.lower() for name in NOT_IN_THE_IMAGE):
            (site / item.name).symlink_to(item)
    images = folder / "images.json"
    entry = {
        "pattern": "python:*",
        "bin": str(folder / "env" / "bin"),
        "entrypoint": [],
        # What pip would install is there; for more, it finds this machine's packages as Northflank's finds PyPI's.
        "env": {
            "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
            "UV_SYSTEM_PYTHON": "1",
            **FEW_PROCESSES,
            **{name: it for name, it in os.environ.items() if name.startswith(("PIP_", "SSL_"))},
        },
    }
    images.write_text(json.dumps({"image": [entry]}))
    return images


@contextmanager
def laptop(folder: Path, *, rate_limit: int | None = None) -> Iterator[Laptop]:
    """Yield a laptop; every job of its project gets the keys of S3 from a secret group."""
    settings = Settings(rate_limit=rate_limit, images=stock_image(folder))
    with s3_api() as address, Emulator(settings) as emulator:
        emulator.call(
            "POST",
            "/v1/projects/demo/secrets",
            {
                "name": "s3-keys", "secretType": "environment", "priority": 0,
                "secrets": {"variables": KEYS},
            },
        )  # fmt: skip
        home = folder / "home"
        home.mkdir()
        made = Laptop(home, emulator, address)
        try:
            yield made
        finally:
            made.kill_runs()
