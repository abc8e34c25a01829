"""One flow run from its work pool to its end on Northflank, every part a real process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_a_flow_run_finishes_through_server_worker_and_emulator(pool, prefect, tmp_path):
    marker = tmp_path / "marker"
    deployment = pool.deploy("hello")
    with pool.worker() as worker:
        flow_run = prefect.trigger(deployment, marker=str(marker))
        ended = prefect.wait_for(flow_run)

        assert ended["state_type"] == "COMPLETED", worker.output + prefect.logs(flow_run)
        assert marker.read_text() == "x"
        assert re.fullmatch(rf"-:demo:[a-z0-9-]+-{flow_run.hex}-[0-9a-f]{{4}}:.+", ended["infrastructure_pid"])
