"""`python -m tests.stack.durability.kills`: kill the process of a thirty-task flow at random moments.

Each time the run is executed again. At its end no task is lost, none that was done was done again,
and everything it left is what an undisturbed `run` of Metaflow leaves.
"""

# ruff: noqa: T201  a command speaks on its standard output

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.behaviour.cases import Case
from tests.behaviour.comparing import of_runs
from tests.behaviour.running import Form, start
from tests.prefect_server import running_server
from tests.stack.durability.container import FLOW, TASKS, Container, Death

_STARTING_SECONDS = 4.0
"""About what it takes from the command to the first step: a kill within it finds no step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When to kill: some seconds after so many more tasks have begun; 0 tasks is after the start."""

    tasks: int
    seconds: float
    death: Death

    @classmethod
    def of(cls, dice: random.Random) -> Moment:
        """Return a random one; every fourth comes before the first step."""
        tasks = dice.choice((0, *range(1, 10)) if dice.random() < 0.75 else (0,))
        seconds = dice.random() * (0.5 if tasks else _STARTING_SECONDS)
        return cls(tasks=tasks, seconds=seconds, death=dice.choice(tuple(Death)))


@dataclass(slots=True, kw_only=True)
class Life:
    """One run that is killed and executed again; `problems` is what should not have happened."""

    container: Container
    problems: list[str]

    def die(self, moment: Moment) -> bool:
        """Execute the run and kill it at *moment*; return False where it ended before."""
        container = self.container
        before, done = Counter(container.executed()), container.recorded()
        process = container.start()
        wanted = before.total() + moment.tasks
        while process.poll() is None and len(container.executed()) < wanted:
            time.sleep(0.02)
        if process.poll() is None:
            time.sleep(moment.seconds)
        has_ended = process.poll() is not None
        container.kill(process, moment.death)
        self._check(before, done)
        return not has_ended

    def live(self) -> None:
        """Execute the run to its end."""
        before, done = Counter(self.container.executed()), self.container.recorded()
        code = self.container.start().wait(600)
        if code != 0:
            self.problems.append(f"the last execution ended with exit code {code}")
        self._check(before, done)
        lost = TASKS - len(self.container.recorded())
        if lost:
            self.problems.append(f"{lost} tasks are missing or too many")

    def _check(self, before: Counter[str], done: set[str]) -> None:
        """Note what one execution did that it should not have done."""
        now = Counter(self.container.executed()) - before
        self.problems += [f"{task} was done, and done again" for task in sorted(set(now) & done)]
        self.problems += [f"{task} was begun {n} times" for task, n in now.items() if n > 1]


def pool(environment: dict[str, str]) -> str:
    """Create a work pool that no worker serves; another test may have done so."""
    create = ("work-pool", "create", "--type", "process", "--overwrite", "durable")
    subprocess.run(
        [sys.executable, "-m", "prefect", *create],
        env={**os.environ, **environment}, check=True, capture_output=True,
    )  # fmt: skip
    return "durable"


def native_run(folder: Path) -> str:
    """Let Metaflow run the flow, and return the run's pathspec."""
    case = Case(name=FLOW.stem, folder=FLOW.parent)
    (folder / "native.log").touch()
    ended = start(case, Form.METAFLOW, folder, {"COUNTING_LOG": str(folder / "native.log")}).wait()
    assert ended.exit_code == 0, ended.output
    return f"CountingFlow/{ended.run_id}"


def main(kills: int, per_run: int, seed: int) -> int:
    """Print a line for each kill and a summary; return how many kills were followed by a problem."""
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    os.environ.update(
        HOME=str(folder), USERNAME="tester",
        METAFLOW_HOME=str(folder / "metaflow"), PREFECT_HOME=str(folder / "prefect"),
    )  # fmt: skip
    dice, hits, survived = random.Random(seed), 0, 0
    with running_server(folder) as server:
        work_pool, native = pool(server.environment), native_run(folder)
        while hits < kills:
            life = Life(container=Container(folder, server.environment), problems=[])
            life.container.deploy_and_trigger(work_pool)
            here = _die_often(life, min(per_run, kills - hits), dice)
            life.live()
            run = f"CountingFlow/{life.container.run_id}"
            life.problems += of_runs(folder, run, native)
            hits += here
            survived += 0 if life.problems else here
            print(f"{run}: {life.problems or 'equal to an undisturbed run'}", flush=True)
    print(f"{survived} of {hits} kills survived (seed {seed})")
    if survived == hits:
        shutil.rmtree(folder)
    return hits - survived


def _die_often(life: Life, most: int, dice: random.Random) -> int:
    """Kill the run up to *most* times; return how often it was alive then."""
    for hits in range(most):
        moment = Moment.of(dice)
        hit = life.die(moment)
        told = "killed" if hit else "over before"
        print(f"{told} {moment.seconds:.2f} s after {moment.tasks} more tasks:", end=" ")
        print(f"{moment.death.value}; {len(life.container.recorded())} done", flush=True)
        if not hit:
            return hits
    return most


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stack.durability.kills")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--per-run", type=int, default=5, help="how often one run is killed")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    words = _words()
    sys.exit(1 if main(words.kills, words.per_run, words.seed) else 0)
