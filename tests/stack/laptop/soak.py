"""Kills runs with `--with northflank` at random moments; nothing may be executed twice, left running or lost.

    python -m tests.stack.laptop.soak --kills 50 --seed 1

Each round starts a run while a fifth of the requests to Northflank go wrong, and at a random moment ends one of its processes:
the run (kill -9, or Ctrl-C), its broker, both at once, the process of a task, or a task in its container. Then the run is resumed until it
succeeds. Every execution of a task leaves a file that names run, task and attempt: there must never be two of one name,
and none may be alive half a minute after its run has ended. Jobs that a killed run could not delete are deleted by a later one:
after the last round there must be none.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from northflank_emulator.faults import Fault, FaultKind

from tests.stack.laptop.laptop import Laptop, Run, laptop
from tests.support.processes import is_alive

FLOW = Path(__file__).parent / "flows" / "ledger_flow.py"
ENDS_WITHIN = 30.0
MOST_RESUMES = 4
NOT_BEGUN = "Resume could not find run id"
LONGEST_MOMENT = 25.0
"""Seconds until the kill: about as long as a run takes on an idle machine with two cores."""


class Victim(str, Enum):
    """What is killed."""

    RUN = "the run"
    INTERRUPTED = "the run, by Ctrl-C"
    BROKER = "the broker"
    BOTH = "run and broker"
    TASK = "the process of a task"
    CONTAINER = "a task in its container"
    NOTHING = "nothing"


@dataclass
class Tally:
    """What has happened."""

    rounds: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    """Jobs that no later run has deleted."""
    slowest_end: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.twice or self.left or self.lost or self.jobs)

    def __str__(self) -> str:
        return (
            f"{dict(self.rounds)}; executed twice: {self.twice}; left running: {self.left}; lost: {self.lost}; "
            f"jobs left: {self.jobs}; slowest end of containers: {self.slowest_end:.0f} s"
        )


def main(arguments: Sequence[str]) -> int:
    """Run the rounds; return 1 if anything was wrong."""
    options = options_given(arguments)
    chance = random.Random(options.seed)
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, laptop(Path(folder)) as made:
        made.settings = {"METAFLOW_NORTHFLANK_LOST_AFTER_SECONDS": "12"}
        try:
            for number in range(options.kills):
                victim = chance.choice(list(Victim))
                moment = chance.uniform(0, LONGEST_MOMENT)
                one_round(made, number, victim, moment, options.faults, tally)
                mark = "" if tally.is_clean else f": {tally}"
                sys.stdout.write(f"{number + 1}: {victim.value} after {moment:.1f} s{mark}\n")
                sys.stdout.flush()
            remove_jobs(made, tally)
        finally:
            sys.stdout.write(f"{tally}\n")
    return int(not tally.is_clean)


def remove_jobs(made: Laptop, tally: Tally) -> None:
    """Run the flow until no job of another run is left."""
    ledger = made.folder / "ledger-at-the-end"
    ledger.mkdir()
    for _ in range(MOST_RESUMES):
        if not (left := made.jobs()):
            return
        made.start(FLOW, "run", "--ledger", str(ledger)).wait()
    tally.jobs += left


def one_round(
    made: Laptop, number: int, victim: Victim, moment: float, faults: float, tally: Tally
) -> None:
    ledger = made.folder / f"ledger-{number}"
    ledger.mkdir()
    kinds = (
        Fault(kind=FaultKind.DROP_AFTER, probability=faults / 2),
        Fault(kind=FaultKind.STATUS, status=503, probability=faults / 2),
    )
    tally.rounds[victim.value] += 1
    with ExitStack() as struck:
        for kind in kinds:
            struck.enter_context(made.emulator.fault(kind))
        run = made.start(FLOW, "run", "--ledger", str(ledger))
        time.sleep(moment)
        kill(victim, run, ledger)
        code = run.wait()
        wait_for_end(ledger, victim, tally)
        resumes = 0
        while code != 0 and resumes < MOST_RESUMES and run.run_id_file.exists():
            resumes += 1
            again = ("resume", "--origin-run-id", run.run_id)
            # Metaflow cannot resume a run that was killed before it had begun.
            if NOT_BEGUN in run.output:
                again = ("run", "--ledger", str(ledger))
            run = made.start(FLOW, *again)
            code = run.wait()
        if code != 0 and run.run_id_file.exists():
            tally.lost.append(f"{number}: {run.output[-2000:]}")
    names = Counter(path.name.partition(".")[0] for path in ledger.iterdir())
    tally.twice += [f"{number}: {name}" for name, times in names.items() if times > 1]


def kill(victim: Victim, run: Run, ledger: Path) -> None:  # noqa: C901  a line for each victim
    children = descendants(run.process.pid)
    brokers = [pid for pid, words in children if b"metaflow_northflank.broker" in words]
    tasks = [pid for pid, words in children if b"northflank" in words and b"step" in words]
    inside = [int(path.read_text() or 0) for path in ledger.iterdir()]
    with suppress(ProcessLookupError):
        match victim:
            case Victim.RUN:
                run.process.kill()
            case Victim.INTERRUPTED:
                os.killpg(run.process.pid, signal.SIGINT)
            case Victim.BROKER | Victim.BOTH:
                if victim is Victim.BOTH:
                    run.process.kill()
                for pid in brokers:
                    os.kill(pid, signal.SIGKILL)
            case Victim.TASK:
                for pid in tasks[:1]:
                    os.kill(pid, signal.SIGKILL)
            case Victim.CONTAINER:
                for pid in [it for it in inside if it and is_alive(it)][:1]:
                    os.kill(pid, signal.SIGKILL)
            case Victim.NOTHING:
                return


def wait_for_end(ledger: Path, victim: Victim, tally: Tally) -> None:
    """Wait until nothing of the run is alive."""
    began = time.monotonic()
    alive: list[int] = []
    while time.monotonic() < began + 2 * ENDS_WITHIN:
        pids = [int(path.read_text() or 0) for path in ledger.iterdir()]
        alive = [pid for pid in pids if pid and is_alive(pid)]
        if not alive:
            tally.slowest_end = max(tally.slowest_end, time.monotonic() - began)
            return
        time.sleep(0.5)
    tally.left.append(f"{victim.value}: {alive}")


def descendants(root: int) -> list[tuple[int, list[bytes]]]:
    """Return the processes that *root* has started, and the words of their commands."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found, new = set[int](), {root}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    listed = []
    for pid in found:
        with suppress(OSError):
            listed.append((pid, Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")))
    return listed


def options_given(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--faults", type=float, default=0.2, help="how likely a request to Northflank goes wrong"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
