"""What a run itself needs: a foreach of 100 trivial tasks in control groups with the CPU and memory of small plans.

    python -m tests.bench.floor [--plans nf-compute-10 nf-compute-20 …] [--memory 200 300 …]

Needs root and control groups of version 1 (`/sys/fs/cgroup/memory` and `cpu`). Executes the command of a container on
Northflank for a run of a real deployment; nothing is installed before.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect_northflank.api.plans import Plan, published
from prefect_northflank.job import claim_gate
from prefect_northflank.records.claims import CLAIMED, Claim

from tests.prefect_server import Server, running_server

FLOWS = Path(__file__).parent / "flows"
GROUPS = Path("/sys/fs/cgroup")
PERIOD_MICROSECONDS = 100_000
LONGEST_SECONDS = 900
POOL = "floor"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run in a container of *plan*."""

    plan: Plan
    state: str
    killed: int
    peak_mb: float
    cpu_seconds: float
    seconds_to_begin: float | None
    seconds: float

    def __str__(self) -> str:
        begun = "-" if self.seconds_to_begin is None else f"{self.seconds_to_begin:.0f} s"
        return (
            f"| {self.plan.id} | {self.plan.cpu:g} | {self.plan.memory} | {self.state}"
            f"{f', {self.killed} killed' if self.killed else ''} | {self.peak_mb:.0f} | "
            f"{self.cpu_seconds:.1f} s | {begun} | {self.seconds:.0f} s |"
        )


class Group:
    """A control group with a plan's limits."""

    def __init__(self, plan: Plan) -> None:
        name = f"metaflow-prefect-floor-{os.getpid()}"
        self.memory, self.cpu, self.accounting = (
            GROUPS / kind / name for kind in ("memory", "cpu", "cpuacct")
        )
        for folder in self.folders:
            folder.mkdir()
        (self.memory / "memory.limit_in_bytes").write_text(str((plan.memory or 0) * 1024**2))
        (self.memory / "memory.swappiness").write_text("0")
        quota = int((plan.cpu or 0) * PERIOD_MICROSECONDS)
        (self.cpu / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
        (self.cpu / "cpu.cfs_quota_us").write_text(str(quota))

    @property
    def folders(self) -> tuple[Path, ...]:
        return self.memory, self.cpu, self.accounting

    def join(self) -> None:
        """Put this process, which is about to execute the command, into the group."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def working_set_mb(self) -> float:
        """Return the memory in use without what the kernel can drop."""
        used = int((self.memory / "memory.usage_in_bytes").read_text())
        stat = (self.memory / "memory.stat").read_text().split()
        return (used - int(stat[stat.index("total_inactive_file") + 1])) / 1024**2

    def killed(self) -> int:
        words = (self.memory / "memory.oom_control").read_text().split()
        return int(words[words.index("oom_kill") + 1])

    def cpu_seconds(self) -> float:
        return int((self.accounting / "cpuacct.usage").read_text()) / 1e9

    def remove(self) -> None:
        """Kill what is left in the group, and remove it."""
        for folder in self.folders:
            while left := (folder / "cgroup.procs").read_text().split():
                for pid in left:
                    with_no_mercy(int(pid))
                time.sleep(0.1)
            folder.rmdir()


def with_no_mercy(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


@contextmanager
def group_of(plan: Plan) -> Iterator[Group]:
    group = Group(plan)
    try:
        yield group
    finally:
        group.remove()


@dataclass(frozen=True)
class Place:
    """A server with a deployment of the foreach."""

    server: Server
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.server.environment,
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.folder),
            "USERNAME": "bench",
        }

    def command(self, *words: str) -> str:
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(done.stdout + done.stderr)
        return done.stdout

    def deploy(self) -> None:
        (self.folder / "foreach.py").write_bytes((FLOWS / "foreach.py").read_bytes())
        prefect = str(Path(sys.executable).parent / "prefect")
        self.command(prefect, "work-pool", "create", POOL, "--type", "process")
        self.flow("deploy", "--work-pool", POOL)

    def flow(self, *words: str) -> str:
        return self.command(
            sys.executable, "foreach.py", "--quiet", "--no-pylint", "prefect", *words
        )

    def run(self, plan: Plan) -> Outcome:
        """Execute a new run in a container of *plan*."""
        from prefect.client.orchestration import get_client
        from prefect.states import Pending

        file = self.folder / "run-id"
        self.flow("trigger", "--run-id-file", str(file), "--width", "100")
        flow_run = file.read_text().removeprefix("prefect-")
        with get_client(sync_client=True) as client:
            # As a worker claims it; a scheduled flow run becomes Late.
            client.set_flow_run_state(flow_run, Pending(name=CLAIMED))
            record: Any = client.read_flow_run(flow_run)
            deployment = client.read_deployment(record.deployment_id)
        env = {
            **claim_gate.environment_of(Claim(id=record.state.id)),
            **self.environment,
            **deployment.job_variables["env"],
            "PREFECT__FLOW_RUN_ID": flow_run,
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.folder),
        }
        words = [sys.executable, *shlex.split(claim_gate.COMMAND)[1:]]
        with group_of(plan) as group, (self.folder / "output").open("wb") as output:
            began = time.monotonic()
            process = subprocess.Popen(
                words,
                env=env,
                cwd=self.folder,
                stdout=output,
                stderr=output,
                preexec_fn=group.join,  # noqa: PLW1509  this program has no threads
            )
            peak, begun = 0.0, None
            while process.poll() is None and time.monotonic() - began < LONGEST_SECONDS:
                peak = max(peak, group.working_set_mb())
                if begun is None and b"Metaflow run" in (self.folder / "output").read_bytes():
                    begun = time.monotonic() - began
                time.sleep(0.1)
            seconds = time.monotonic() - began
            killed, cpu = group.killed(), group.cpu_seconds()
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(flow_run).state
        return Outcome(
            plan=plan,
            state="none" if state is None else state.name,
            killed=killed,
            peak_mb=peak,
            cpu_seconds=cpu,
            seconds_to_begin=begun,
            seconds=seconds,
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--plans", nargs="*", default=["nf-compute-10", "nf-compute-20", "nf-compute-50"]
    )
    parser.add_argument("--memory", nargs="*", type=int, default=[], help="in MB, with 1 vCPU")
    options = parser.parse_args()
    plans = [published(name) for name in options.plans]
    plans += [replace(published("nf-compute-100-1"), memory=memory) for memory in options.memory]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(running_server(Path(folder)))
        os.environ.update(server.environment)
        place = Place(server, Path(folder))
        place.deploy()
        for plan in plans:
            outcome = place.run(plan)
            sys.stdout.write(f"{outcome}\n")
            sys.stdout.flush()
            if outcome.state != "Completed":
                sys.stderr.write((place.folder / "output").read_text(errors="replace")[-1500:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
