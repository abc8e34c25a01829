"""One flow run from its work pool to its end on Northflank: server, emulator, worker, container as processes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.support import quick_start

pytestmark = pytest.mark.slow


def test_a_flow_run_finishes_through_server_worker_and_emulator(prefect, tmp_path, conftest):
    command = [
        str(Path(sys.executable).parent / "northflank-emulator"),
        "--port",
        "0",
        "--token",
        "T",
    ]
    log = tmp_path / "emulator.log"
    with conftest.running(command, prefect.environment | quick_start.COLD, log) as emulator:
        url = conftest.wait_until(
            lambda: re.search(r"^http://\S+$", emulator.output, re.MULTILINE),
            "the emulator says where it is",
        ).group()
        prefect.cli("work-pool", "create", "--type", "northflank", "nf")
        northflank = conftest.Northflank(base_url=url, token="T")
        pool = conftest.Pool(name="nf", prefect=prefect, northflank=northflank, folder=tmp_path)
        with pool.worker(**quick_start.COLD) as worker:
            flow_run = prefect.trigger(pool.deploy("hello"), marker=str(tmp_path / "marker"))
            ended = prefect.wait_for(flow_run)

            assert ended["state_type"] == "COMPLETED", worker.output + prefect.logs(flow_run)
            assert (tmp_path / "marker").read_text() == "x"
            assert re.fullmatch(
                rf"-:demo:[a-z0-9-]+-{flow_run.hex}-[0-9a-f]{{4}}:.+", ended["infrastructure_pid"]
            )
            conftest.wait_until(lambda: not northflank.jobs(), "the job is deleted")
