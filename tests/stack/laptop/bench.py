"""What `run --with northflank` adds to the start of Metaflow's processes, in CPU time.

    python -m tests.stack.laptop.bench --rounds 10

The processes of a pair run alternately, so that a busy machine slows both down; the least of each counts. Wanted: at most
5 ms for `import metaflow` (a command of a flow also loads the group `northflank`), and 100 ms for the process of a task.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

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
        [sys.executable, *words], check=True, stdout=subprocess.DEVNULL,
        env={**os.environ, "USERNAME": "bench"},
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main(arguments: Sequence[str]) -> None:
    """Measure the pairs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args(arguments).rounds
    for what, pair in PAIRS.items():
        taken = [[cpu_milliseconds(words) for words in pair] for _ in range(rounds)]
        theirs, ours = (min(column) for column in zip(*taken, strict=True))
        sys.stdout.write(f"{what}: {theirs:.0f} ms, {ours:.0f} ms, {ours - theirs:+.0f} ms\n")


if __name__ == "__main__":
    main(sys.argv[1:])
