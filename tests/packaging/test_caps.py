"""Each cap in pyproject.toml is still needed: by the oldest Prefect that we accept, with what the cap keeps out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

OLDEST_PREFECT = "prefect==3.8.8"

SCHEDULES = """
import asyncio, datetime
from prefect.server import models, schemas
from prefect.server.database import provide_database_interface
from prefect.server.services.scheduler import schedule_deployments

async def main():
    database = provide_database_interface()
    await database.create_db()
    hourly = schemas.schedules.IntervalSchedule(interval=datetime.timedelta(hours=1))
    async with database.session_context(begin_transaction=True) as session:
        flow = await models.flows.create_flow(session=session, flow=schemas.core.Flow(name="f"))
        deployment = schemas.core.Deployment(
            name="d", flow_id=flow.id,
            schedules=[schemas.core.DeploymentSchedule(active=True, schedule=hourly)],
        )
        await models.deployments.create_deployment(session=session, deployment=deployment)
    await schedule_deployments()

asyncio.run(main())
"""

SERVES = "import prefect.server.api.server as server; server.create_app()"


@pytest.mark.parametrize(
    ("beyond_the_cap", "what_fails", "complaint"),
    [
        ("sqlalchemy==2.1.0", SCHEDULES, "Can't evaluate bulk DML statement"),
        ("fastapi==0.155.0", SERVES, "unexpected keyword argument 'min_items'"),
    ],
)
def test_the_oldest_prefect_fails_beyond_the_cap(tmp_path, beyond_the_cap, what_fails, complaint):
    """When this fails, the cap can go."""
    packages = tmp_path / "packages"
    install(packages, OLDEST_PREFECT, beyond_the_cap)

    failed = subprocess.run(
        [sys.executable, "-c", what_fails],
        env={**os.environ, "PYTHONPATH": str(packages), "PREFECT_HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert failed.returncode != 0
    assert complaint in failed.stderr.splitlines()[-1]


def install(folder: Path, *requirements: str) -> None:
    """Put *requirements* alone into *folder*, to stand before what is installed."""
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, *requirements],
        check=True, timeout=300,
    )  # fmt: skip
