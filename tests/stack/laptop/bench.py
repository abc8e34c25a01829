"""What `run --with northflank` adds to the start of Metaflow's processes, in CPU time; and its calls to Northflank.

    python -m tests.stack.laptop.bench --rounds 10
    python -m tests.stack.laptop.bench --rounds 0 --users 2 --tasks 500

The processes of a pair run alternately, so that a busy machine slows both down; the least of each counts. Wanted: at most
5 ms for `import metaflow` (a command of a flow also loads the group `northflank`), and 100 ms for the process of a task.
With --tasks, so many users run a foreach of so many tasks at the same time in one project, with real containers (processes):
wanted are at most 100 calls of a run beside its starts.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.stack.laptop.laptop import laptop

WIDE = Path(__file__).parent / "flows" / "wide_flow.py"
USERS = ("ann", "ben", "cat", "dan")
AT_ONCE = 50
START = "start.job.run"

FLOW = Path(__file__).parents[2] / "flows" / "linear.py"
STEP = ("--no-pylint", "--metadata", "local")

PAIRS = {
    "import metaflow, and what every command of a flow loads of ours": (
        ("-c", "import metaflow._vendor.click, metaflow.unbounded_foreach"),
        ("-c", "import metaflow._vendor.click, metaflow.unbounded_foreach, metaflow_northflank.cli.group"),
    ),
    "the process of a task: Metaflow's for AWS Batch, and ours": (
        ("-c", "import metaflow.plugins.aws.batch.batch_cli"),
        ("-c", "import metaflow_northflank.cli.group, metaflow_northflank.task.trampoline"),
    ),
    "a command of a flow: `batch --help`, and `northflank --help`": (
        (str(FLOW), *STEP, "batch", "--help"),
        (str(FLOW), *STEP, "northflank", "--help"),
    ),
}  # fmt: skip


def cpu_milliseconds(words: Sequence[str]) -> float:
    """Return the CPU time of one Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "USERNAME": "bench"},
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def calls(users: int, tasks: int) -> Counter[str]:
    """Return the calls that runs of *users* make at the same time."""
    with tempfile.TemporaryDirectory() as folder, laptop(Path(folder)) as made:
        made.settings = {"METAFLOW_NORTHFLANK_LOST_AFTER_SECONDS": "300"}
        runs = []
        for made.user in USERS[:users]:
            words = ("--tasks", str(tasks), "--max-workers", str(AT_ONCE))
            runs.append(made.start(WIDE, "run", *words, "--max-num-splits", str(tasks)))
        for run in runs:
            if run.process.wait() != 0:
                raise SystemExit(run.output)
        return Counter(request.operation or "-" for request in made.emulator.requests)


def main(arguments: Sequence[str]) -> None:
    """Measure the pairs, and count the calls."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--users", type=int, default=2, choices=range(1, len(USERS) + 1))
    parser.add_argument("--tasks", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.rounds:
        measure(options.rounds)
    if options.tasks:
        made = calls(options.users, options.tasks)
        beside = (made.total() - made[START]) / options.users
        sys.stdout.write(
            f"{options.users} users, {options.tasks} tasks each: {made[START]} starts, "
            f"{beside:.0f} other calls of each run; {dict(made)}\n"
        )


def measure(rounds: int) -> None:
    """Measure the pairs."""
    for what, pair in PAIRS.items():
        taken = [[cpu_milliseconds(words) for words in pair] for _ in range(rounds)]
        theirs, ours = (min(column) for column in zip(*taken, strict=True))
        sys.stdout.write(f"{what}: {theirs:.0f} ms, {ours:.0f} ms, {ours - theirs:+.0f} ms\n")


if __name__ == "__main__":
    main(sys.argv[1:])
