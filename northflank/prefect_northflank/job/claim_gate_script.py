"""Runs in the container before the flow run: checks that the claim still holds. Stands alone.

The worker ships this text in an environment variable; it runs in any image with Prefect 3, in the process that then
becomes `prefect flow-run execute`, so that Prefect is imported once (for the flow's process too: prefork_script.py).
"""

import os
import sys
import time
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.states import Pending

FLOW_RUN = UUID(os.environ["PREFECT__FLOW_RUN_ID"])
CLAIM = os.environ["PREFECT__NORTHFLANK_CLAIM"]
ME = os.environ.get("HOSTNAME") or os.urandom(8).hex()
TRIES = 8


def may_execute() -> bool:
    """Return whether no other start of the flow run has come in between, and record that in Prefect."""
    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(FLOW_RUN)
        if str(states[-1].id) == CLAIM:
            client.set_flow_run_state(FLOW_RUN, Pending(name="Starting", message=ME))
            states = client.read_flow_run_states(FLOW_RUN)
    # Prefect itself ends a flow run that is being cancelled, or leaves it alone.
    if states[-1].type.value in {"CANCELLING", "CANCELLED"}:
        return True
    return [str(it.id) for it in states[-2:-1]] == [CLAIM] and states[-1].message == ME


def patiently() -> bool:
    """Ask until Prefect answers.

    Raises:
        Exception: it never did; the container ends before the flow begins, and the worker may start another.
    """
    for number in range(1, TRIES):
        try:
            return may_execute()
        except Exception as error:  # noqa: BLE001  this image's Prefect may raise anything: ask again
            print(f"The Prefect API does not answer: {error!r}", flush=True)  # noqa: T201  the container's log
        time.sleep(min(2**number, 30))
    return may_execute()


def prefork() -> None:
    """Let the flow's process be forked from this one."""
    script: dict[str, Any] = {}
    # The image may lack this package, so the worker sends the script, as it sends the one that you read.
    exec(os.environ["PREFECT__NORTHFLANK_PREFORK"], script)  # noqa: S102  the worker's own text
    script["prefork"]()


def main() -> None:
    """Execute the flow run, or leave it alone."""
    if not patiently():
        print("Nothing is executed: this flow run was started anew meanwhile.", flush=True)  # noqa: T201  as above
        return
    prefork()
    # The command `prefect`, imported this late because its import would be wasted if nothing is executed.
    from prefect.cli import app

    sys.argv[0] = "prefect"
    app()


if __name__ == "__main__":
    main()
