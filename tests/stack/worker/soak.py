"""Workers killed at random moments while flow runs go on: nothing lost, nothing twice, nothing left.

python -m tests.stack.worker.soak --runs 100 --kills 50 --workers 2 --faults 0.2

Containers are light ones (light_container.py) unless --real is given.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any
from uuid import UUID

from northflank_emulator import Emulator
from northflank_emulator.faults import Fault, FaultKind
from northflank_emulator.settings import Settings

FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
BETWEEN_KILLS_SECONDS = (1.0, 12.0)
"""A worker needs a few seconds to start: most kills shall meet one that works."""
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
    trouble: list[str] = field(default_factory=list, repr=False)

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
    """Trigger *runs* flow runs, kill and restart a random worker *kills* times meanwhile, wait for the end."""
    chance, began = random.Random(seed), time.monotonic()
    deployments = [pool.deploy("hello"), pool.deploy("hello", cleanup_job=False)]
    markers = [pool.folder / f"marker-{number}" for number in range(runs)]
    flow_runs: list[UUID] = []

    def trigger(many: int) -> None:
        for marker in markers[len(flow_runs) : len(flow_runs) + many]:
            flow_runs.append(
                pool.prefect.trigger(
                    deployments[len(flow_runs) % 2],
                    marker=str(marker),
                    seconds=chance.uniform(0, 6),
                    pulling=chance.uniform(0, 3),
                )
            )

    with ExitStack() as stack:
        started = {
            name: stack.enter_context(pool.worker(name)) for name in map(str, range(workers))
        }
        for killed in range(kills):
            trigger(ceil((runs - len(flow_runs)) / (kills - killed)))
            time.sleep(chance.uniform(*BETWEEN_KILLS_SECONDS))
            name = chance.choice(sorted(started))
            started[name].stop(signal.SIGKILL)
            started[name] = stack.enter_context(pool.worker(name))
        trigger(runs)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and (
            set(states_of(pool, flow_runs)) - FINAL or jobs_left(pool, flow_runs)
        ):
            time.sleep(2)
        outputs = [it.output for it in started.values()]
    return Outcome(
        states=count(states_of(pool, flow_runs)),
        executions=count([len(marker.read_text()) if marker.exists() else 0 for marker in markers]),
        jobs_left=jobs_left(pool, flow_runs),
        kills=kills,
        seconds=time.monotonic() - began,
        trouble=[*stories(pool, dict(zip(flow_runs, markers, strict=True))), *outputs],
    )


def states_of(pool: Any, flow_runs: list[UUID]) -> list[str]:
    """Return the type of each flow run's state, in as few calls as the server allows."""
    found: list[str] = []
    for start in range(0, len(flow_runs), 200):
        wanted = {"id": {"any_": [str(it) for it in flow_runs[start : start + 200]]}}
        found += [
            it["state_type"] for it in pool.prefect.post("/flow_runs/filter", {"flow_runs": wanted})
        ]
    return found


def jobs_left(pool: Any, flow_runs: list[UUID]) -> list[str]:
    return [job for job in pool.northflank.jobs() if any(it.hex in job for it in flow_runs)]


def stories(pool: Any, markers: dict[UUID, Path]) -> Iterator[str]:
    """Tell what happened to each flow run that did not go as hoped."""
    for flow_run, marker in markers.items():
        seen = pool.prefect.states(flow_run)
        if seen[-1][0] != "COMPLETED" or not marker.exists() or marker.read_text() != "x":
            yield f"{flow_run} {[name for _, name in seen]}\n{pool.prefect.logs(flow_run)}\n"


def light_images(folder: Path) -> Path:
    """Return an images file by which every image is a light one."""
    programs = folder / "light"
    programs.mkdir()
    python = programs / "python3"
    script = Path(__file__).with_name("light_container.py")
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -I -S {script}\n")
    python.chmod(0o755)
    images = folder / "images.toml"
    images.write_text(f'[[image]]\npattern = "*"\nbin = "{programs}"\nentrypoint = []\n')
    return images


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
    parser.add_argument("--real", action="store_true", help="execute flows by Prefect's engine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=7200, help="seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        prefect = stack.enter_context(conftest.prefect_server(folder))
        images = None if options.real else light_images(folder)
        emulator = stack.enter_context(Emulator(Settings(rate_limit=None, images=images)))
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
