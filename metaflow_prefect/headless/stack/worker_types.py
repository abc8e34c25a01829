"""Which types of worker are installed; asked in another process, since each loads its whole package."""

from __future__ import annotations

import subprocess
import sys

BUILT_IN = frozenset({"process", "northflank"})
"""The types that are always installed: Prefect's own, and the one of this package."""
FIND_SCRIPT = """
import sys
from prefect.plugins import load_prefect_collections
from prefect.workers.base import BaseWorker
import prefect.workers
load_prefect_collections()
found = BaseWorker.get_worker_class_from_type(sys.argv[1])
sys.exit(0 if found else f"known types: {', '.join(sorted(BaseWorker.get_all_available_worker_types()))}")
"""
FIX = "install the package that brings it, or correct PREFECT_WORKER_POOL_TYPE"


def refusal(kind: str) -> str | None:
    """Return why a worker of the type *kind* cannot be started, None if it can; takes seconds."""
    done = subprocess.run(
        (sys.executable, "-c", FIND_SCRIPT, kind), capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines()
    return f"there is no worker type {kind!r} ({said[-1] if said else 'no reason given'})"
