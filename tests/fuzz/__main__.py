"""`python -m tests.fuzz N SEED`: compare N random flows with Metaflow's own run, and say which differ."""

# ruff: noqa: T201  a command speaks on its standard output

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.fuzz.comparing import compare_seed
from tests.prefect_server import running_server


def main(count: int, first: int) -> int:
    """Print a line for each seed that differs and a summary; return how many differ."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    os.environ.update(
        HOME=str(folder),
        USERNAME="tester",
        METAFLOW_HOME=str(folder / "metaflow"),
        PREFECT_HOME=str(folder / "prefect"),
    )
    different: list[int] = []
    with running_server(folder) as server:
        for done, seed in enumerate(range(first, first + count), start=1):
            root = folder / str(seed)
            root.mkdir()
            found = compare_seed(seed, root, server.environment)
            if found:
                different.append(seed)
                print(f"seed {seed} differs ({root}):", *found, sep="\n  ", flush=True)
            else:
                shutil.rmtree(root)
            if sys.stderr.isatty():
                print(f"\r{done} of {count}", end=" ", file=sys.stderr, flush=True)
    print(f"{count - len(different)} of {count} equal (seeds {first} to {first + count - 1})")
    if different:
        print("different:", *different)
    else:
        shutil.rmtree(folder)
    return len(different)


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]), int(sys.argv[2])) else 0)
