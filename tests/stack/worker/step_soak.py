"""`python -m tests.stack.worker.step_soak`: kill the containers of runs and of their steps, the worker, and Prefect's server.

A run whose own container was killed is executed again. At the end no task is lost, none was done twice, and each
execution that was not done belongs to a kill.
"""

# ruff: noqa: T201  a command speaks on its standard output

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from northflank_emulator import Emulator
from northflank_emulator.settings import Settings

from tests.stack.worker import conftest
from tests.stack.worker.soak import FINAL, faults_at
from tests.stack.worker.test_step_containers import Home

TASKS = 1 + 8 + 1 + 1
BETWEEN_KILLS_SECONDS = (4.0, 15.0)
PATIENCE_SECONDS = 900


@dataclass
class Soak:
    """The runs of one soak, what was killed, and what should not have happened."""

    home: Home
    prefect: Any
    dice: random.Random
    ledgers: dict[str, Path] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def trigger(self) -> None:
        ledger = self.home.folder / f"ledger-{len(self.ledgers)}"
        ledger.mkdir()
        flow_run = self.home.trigger("--ledger", str(ledger), flow="ledger_flow.py")
        self.ledgers[flow_run] = ledger

    def state(self, flow_run: str) -> str:
        return str(self.prefect.post(f"/flow_runs/{flow_run}", method="GET")["state"]["type"])

    def kill_a_container(self, *, of_step: bool) -> bool:
        """Kill the container of a run, or of a step, with everything in it; return whether there was one."""
        found = [
            process for process in containers() if is_of_step(process, self.ledgers) == of_step
        ]
        if not found:
            return False
        victim = self.dice.choice(found)
        for process in (*victim.children(recursive=True), victim):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.killed["container of a step" if of_step else "container of a run"] += 1
        return True

    def execute_again(self) -> None:
        """Schedule the runs whose own container was killed once more, as `prefect flow-run retry` does."""
        for flow_run in self.ledgers:
            if self.state(flow_run) == "CRASHED":
                body = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
                self.prefect.post(f"/flow_runs/{flow_run}/set_state", body)

    def is_over(self) -> bool:
        return all(self.state(flow_run) in FINAL - {"CRASHED"} for flow_run in self.ledgers)

    def check(self) -> None:
        for flow_run, ledger in self.ledgers.items():
            if self.state(flow_run) != "COMPLETED":
                self.problems.append(f"{flow_run} is {self.state(flow_run)}")
            noted = [file.name.split(".") for file in ledger.iterdir()]
            done = Counter(f"{step}/{task}" for moment, step, task, *_ in noted if moment == "done")
            begun = Counter(
                f"{step}/{task}" for moment, step, task, *_ in noted if moment == "begun"
            )
            self.problems += [
                f"{flow_run}: {task} was done {n} times" for task, n in done.items() if n > 1
            ]
            if len(done) != TASKS:
                self.problems.append(f"{flow_run}: {TASKS - len(done)} tasks are lost")
            print(f"{flow_run}: {begun.total()} executions, {done.total()} done", flush=True)


def containers() -> list[psutil.Process]:
    """Return the flow runs' processes below this one: one for each container."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if "execute" in words(process) and "flow-run" in words(process)
    ]


def words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def is_of_step(process: psutil.Process, runs: dict[str, Path]) -> bool:
    with suppress(psutil.Error):
        flow_run = process.environ().get("PREFECT__FLOW_RUN_ID", "")
        return str(UUID(flow_run)) not in runs if flow_run else False
    return False


def soak(options: argparse.Namespace, folder: Path, stack: ExitStack) -> Soak:
    prefect = stack.enter_context(conftest.prefect_server(folder))
    emulator = stack.enter_context(Emulator(Settings(rate_limit=None)))
    northflank = conftest.Northflank(base_url=emulator.base_url, token=emulator.token)
    pool = conftest.new_pool(prefect, northflank, folder)
    found = Soak(Home(pool, folder), prefect, random.Random(options.seed))
    found.home.deploy(flow="ledger_flow.py")
    stack.enter_context(faults_at(emulator, options.faults))
    worker = stack.enter_context(pool.worker("first"))
    restarts: Counter[str] = Counter()
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_SECONDS + 30 * options.kills:
        done = found.killed.total()
        while len(found.ledgers) < options.runs and len(found.ledgers) <= done * options.runs / max(
            options.kills, 1
        ):
            found.trigger()
        found.execute_again()
        if done >= options.kills and found.is_over() and len(found.ledgers) == options.runs:
            break
        time.sleep(found.dice.uniform(*BETWEEN_KILLS_SECONDS))
        if done < options.kills:
            found.kill_a_container(of_step=found.dice.random() < 0.5)
        if (killed := restarts["worker"]) < due(options.workers, options.kills, done):
            worker.stop(signal.SIGKILL)
            restarts["worker"] += 1
            worker = stack.enter_context(pool.worker(f"worker-{killed + 1}"))
        if restarts["server"] < due(options.servers, options.kills, done):
            prefect.restart()
            restarts["server"] += 1
    found.check()
    print(f"killed and started again: {dict(restarts)}")
    return found


def due(restarts: int, kills: int, done: int) -> int:
    """Return how many of *restarts*, spread over *kills*, belong to the first *done* kills."""
    return min(restarts, done * (restarts + 1) // max(kills, 1))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stack.worker.step_soak")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument(
        "--kills", type=int, default=100, help="of containers: half of runs, half of steps"
    )
    parser.add_argument("--workers", type=int, default=5, help="how often the worker is killed")
    parser.add_argument(
        "--servers", type=int, default=5, help="how often Prefect's server is killed"
    )
    parser.add_argument(
        "--faults", type=float, default=0.2, help="how likely a request to Northflank goes wrong"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.update(USERNAME="tester")
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        found = soak(options, Path(place), stack)
    print(
        f"killed: {dict(found.killed)}; problems: {found.problems or 'none'} (seed {options.seed})"
    )
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
