"""A flow that the stack's worker runs on a schedule.

    prefect-headless run python scheduled_flow.py

registers the deployment `scheduled-flow/every-minute` in the pool of the stack and returns.
"""

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

from prefect import flow
from prefect.schedules import Interval


@flow(name="scheduled-flow", log_prints=True)
def scheduled_flow(label: str = "tick") -> str:
    """Say when the run began.

    Args:
        label: What is printed before the time.
    """
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    print(f"{label} at {now}")
    return now


if __name__ == "__main__":
    here = Path(__file__).resolve()
    scheduled_flow.from_source(
        source=str(here.parent), entrypoint=f"{here.name}:scheduled_flow"
    ).deploy(
        name="every-minute",
        work_pool_name=os.environ.get("PREFECT_WORKER_POOL_NAME", "default-pool"),
        schedule=Interval(timedelta(minutes=1)),
        ignore_warnings=True,
    )
