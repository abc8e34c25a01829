"""`python -m tests.fuzz N SEED`: compare N random flows with Metaflow's own run, and say which differ."""

# ruff: noqa: T201  a command speaks on its standard output

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.fuzz.comparing import compare_seed
from tests.prefect_server import running_server

EXECUTOR = "METAFLOW_PREFECT_STEP_EXECUTOR"


def main(words: argparse.Namespace) -> int:
    """Print a line for each seed that differs and a summary; return how many differ."""
    seeds = words.seeds or range(words.first, words.first + words.count)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    os.environ.update(
        HOME=str(folder),
        USERNAME="tester",
        METAFLOW_HOME=str(folder / "metaflow"),
        PREFECT_HOME=str(folder / "prefect"),
    )
    different: list[int] = []
    with running_server(folder) as server:
        ours = server.environment
        if words.step_executor is not None:
            ours = {**ours, EXECUTOR: words.step_executor}
        for done, (seed, found) in enumerate(_compare(seeds, folder, ours, words.jobs), start=1):
            if found:
                different.append(seed)
                print(
                    f"seed {seed} differs ({folder / str(seed)}):", *found, sep="\n  ", flush=True
                )
            if sys.stderr.isatty():
                print(f"\r{done} of {len(seeds)}", end=" ", file=sys.stderr, flush=True)
    print(f"{len(seeds) - len(different)} of {len(seeds)} equal (seeds {seeds[0]} to {seeds[-1]})")
    if different:
        print("different:", *different)
    else:
        shutil.rmtree(folder)
    return len(different)


def _compare(
    seeds: Sequence[int], folder: Path, extra: Mapping[str, str], jobs: int
) -> Iterator[tuple[int, list[str]]]:
    """Compare *jobs* seeds at a time, in processes: Metaflow's client keeps its place in globals."""
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        calls = [(seed, pool.submit(_compare_one, seed, folder, extra)) for seed in seeds]
        for seed, call in calls:
            yield seed, call.result()


def _compare_one(seed: int, folder: Path, extra: Mapping[str, str]) -> list[str]:
    """Compare one seed; what its runs left is kept only where they differ."""
    root = folder / str(seed)
    root.mkdir()
    found = compare_seed(seed, root, extra)
    if not found:
        shutil.rmtree(root)
    return found


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("count", type=int, help="how many flows")
    parser.add_argument("first", type=int, help="the first flow's seed")
    parser.add_argument("--seeds", type=int, nargs="*", help="these, and no others")
    parser.add_argument("--jobs", type=int, default=2, help="how many flows at a time")
    parser.add_argument("--step-executor", help="how our side executes steps (default: ours)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(1 if main(_words()) else 0)
