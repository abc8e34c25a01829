"""A flow that leaves the names it sees in its environment as an artifact."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact


@flow(name="report-environment")
def report_environment() -> None:
    create_markdown_artifact(
        key="environment", markdown="\n".join(f"{name}={os.environ[name]}" for name in os.environ)
    )


if __name__ == "__main__":
    here = Path(__file__).resolve()
    pool = sys.argv[1] if len(sys.argv) > 1 else "default-pool"
    report_environment.from_source(
        source=str(here.parent), entrypoint=f"{here.name}:report_environment"
    ).deploy(name="here", work_pool_name=pool, ignore_warnings=True)
