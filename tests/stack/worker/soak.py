"""Workers killed at random moments while flow runs go on: nothing lost, nothing twice, nothing left.

python -m tests.stack.worker.soak --runs 100 --kills 50 --workers 2 --faults 0.2
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from northflank_emulator import Emulator
from northflank_emulator.faults import Fault, FaultKind
from northflank_emulator.settings import Settings

FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
REQUEST_FAULTS = (
    FaultKind.STATUS,
    FaultKind.DROP_BEFORE,
    FaultKind.DROP_AFTER,
    FaultKind.LATENCY,
    FaultKind.RATE_LIMIT,
)


@dataclass(frozen=True)
class Outcome:
    """What became of the flow runs."""

    states: dict[str, int]
    executions: dict[int, int]
    """How many flow runs were executed how often."""
    jobs_left: list[str]
    kills: int
    seconds: float
    trouble: list[str] = field(default_factory=list)

    def as_hoped(self, runs: int) -> bool:
        return (
            self.states == {"COMPLETED": runs}
            and self.executions == {1: runs}
            and not self.jobs_left
        )


def faults_at(emulator: Emulator, probability: float) -> ExitStack:
    """Let every kind of request fault strike, together as often as *probability*."""
    stack = ExitStack()
    for kind in REQUEST_FAULTS:
        fault = Fault(kind=kind, probability=probability / len(REQUEST_FAULTS), seconds=0.5)
        stack.enter_context(emulator.fault(fault))
    return stack


def count(values: list[Any]) -> dict[Any, int]:
    return {value: values.count(value) for value in sorted(set(values))}


def soak(
    pool: Any,
    *,
    runs: int,
    kills: int,
    workers: int,
    seed: int = 1,
    patience: float = 900,
) -> Outcome:
    """Trigger *runs* flow runs, kill and restart a random worker *kills* times, wait for the end."""
    chance, began = random.Random(seed), time.monotonic()
    prefect = pool.prefect
    deployments = [pool.deploy("hello"), pool.deploy("hello", cleanup_job=False)]
    markers = [pool.folder / f"marker-{number}" for number in range(runs)]
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(pool.worker(name)) for name in map(str, range(workers))
        }
        flow_runs = [
            prefect.trigger(
                deployments[number % 2], marker=str(marker), seconds=chance.uniform(0, 6)
            )
            for number, marker in enumerate(markers)
        ]
        killed, deadline = 0, time.monotonic() + patience
        unfinished = set(flow_runs)
        while time.monotonic() < deadline:
            unfinished = {it for it in unfinished if prefect.state(it) not in FINAL}
            mine = [job for job in pool.northflank.jobs() if any(it.hex in job for it in flow_runs)]
            if not unfinished and not mine and killed >= kills:
                break
            time.sleep(chance.uniform(0.5, 5.0))
            if killed < kills:
                name = chance.choice(sorted(started))
                started[name].stop(signal.SIGKILL)
                started[name] = stack.enter_context(pool.worker(name))
                killed += 1
        outputs = [it.output for it in started.values()]
    left = [job for job in pool.northflank.jobs() if any(it.hex in job for it in flow_runs)]
    return Outcome(
        states=count([prefect.state(it) for it in flow_runs]),
        executions=count([len(marker.read_text()) if marker.exists() else 0 for marker in markers]),
        jobs_left=left,
        kills=killed,
        seconds=time.monotonic() - began,
        trouble=outputs,
    )


def main() -> int:
    from tests.stack.worker import conftest

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--faults", type=float, default=0.0, help="how likely a request to Northflank goes wrong"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=7200, help="seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        prefect = stack.enter_context(conftest.prefect_server(folder))
        emulator = stack.enter_context(Emulator(Settings(rate_limit=None)))
        northflank = conftest.Northflank(base_url=emulator.base_url, token=emulator.token)
        pool = conftest.new_pool(prefect, northflank, folder)
        stack.enter_context(faults_at(emulator, options.faults))
        outcome = soak(
            pool,
            runs=options.runs,
            kills=options.kills,
            workers=options.workers,
            seed=options.seed,
            patience=options.patience,
        )
    good = outcome.as_hoped(options.runs)
    sys.stdout.write("\n".join([*([] if good else outcome.trouble), str(outcome), ""]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
