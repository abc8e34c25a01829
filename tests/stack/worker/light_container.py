"""Stands in for `python3 … flow-run execute` in a container: the same talk with Prefect, a twentieth of the CPU time.

A soak of hundreds of flow runs is about workers, not about Prefect's engine. The gate here is the one of
gate_script.py over plain HTTP; the real one is tested in test_claims.py and wherever flows really run.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

URL = os.environ["PREFECT_API_URL"]
FLOW_RUN = os.environ["PREFECT__FLOW_RUN_ID"]
CLAIM = os.environ["PREFECT__NORTHFLANK_CLAIM"]
ME = os.environ["HOSTNAME"]
KEY = base64.b64encode(os.environ["PREFECT_API_AUTH_STRING"].encode()).decode()


def ask(path: str, body: Any = None) -> Any:
    """Return Prefect's answer; ask again while something else answers, cuts the answer off, or Prefect is busy.

    Prefect's own engine gives up sooner. It is the workers that a soak tries.
    """
    while True:
        request = urllib.request.Request(  # noqa: S310  the address is the test's own server
            URL + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {KEY}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  as above
                said = json.load(answer)
                if said != {"data": {}}:  # the response of a proxy of the soak
                    return said
        except (OSError, http.client.HTTPException, ValueError):  # cut off, also in the middle
            pass
        time.sleep(0.5)


def states() -> list[dict[str, Any]]:
    return list(ask(f"/flow_run_states/?flow_run_id={FLOW_RUN}"))


def become(type_: str, name: str, message: str | None = None) -> None:
    # As Prefect's client does: asked for again because the answer got lost, it is the same transition.
    details = {"transition_id": str(uuid.uuid4())}
    state = {"type": type_, "name": name, "message": message, "state_details": details}
    ask(f"/flow_runs/{FLOW_RUN}/set_state", {"state": state})


def may_execute() -> bool:
    if states()[-1]["id"] == CLAIM:
        become("PENDING", "Starting", ME)
    seen = states()
    if seen[-1]["type"] == "CANCELLING":
        become("CANCELLED", "Cancelled")
    return [it["id"] for it in seen[-2:-1]] == [CLAIM] and seen[-1]["message"] == ME


class HandBack(Exception):
    """SIGTERM has come while the flow runs."""


def hand_back(*_: object) -> None:
    raise HandBack


def main() -> None:
    if not may_execute():
        print("Nothing is executed: started anew meanwhile.", flush=True)  # noqa: T201  the container's log
        return
    parameters = ask(f"/flow_runs/{FLOW_RUN}")["parameters"]
    time.sleep(float(parameters.get("pulling", 0)))
    become("RUNNING", "Running")
    leave_trace(parameters, "x")
    try:
        signal.signal(signal.SIGTERM, hand_back)
        time.sleep(float(parameters["seconds"]))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except HandBack:
        leave_trace(parameters, "-")
        become("SCHEDULED", "AwaitingRetry")
    else:
        become("COMPLETED", "Completed")


def leave_trace(parameters: dict[str, Any], mark: str) -> None:
    with Path(parameters["marker"]).open("a") as trace:
        trace.write(mark)


if __name__ == "__main__":
    main()
