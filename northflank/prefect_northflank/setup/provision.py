"""Creates what a work pool on Northflank needs: block, pool and secret group. Idempotent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from prefect_northflank.api.access import Access
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Project
from prefect_northflank.api.retry import told_once
from prefect_northflank.errors import ConfigurationError
from prefect_northflank.job.credentials import Northflank
from prefect_northflank.setup.checks import secrets_of_this_process
from prefect_northflank.start.secret_groups import SecretGroups
from prefect_northflank.worker import NorthflankWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSetup:
    """What to create."""

    access: Access
    project: Project
    pool: str
    block: str
    plan: str
    api_url: str | None
    tell: Callable[[str], None] = lambda _: None
    """Writes a line for people: what is tried again."""


async def create_block(wanted: PoolSetup) -> str:
    """Save the credentials block, replacing its values; return the id of its document."""
    block = Northflank.model_validate(
        {
            "api_token": wanted.access.token,
            "base_url": wanted.access.base_url,
            "team_id": wanted.access.team,
        }
    )
    saved = await block.save(wanted.block, overwrite=True)
    return str(saved)


async def create_pool(client: PrefectClient, wanted: PoolSetup, *, block_id: str) -> None:
    """Create the pool, or set the defaults of an existing one.

    Raises:
        ConfigurationError: the pool exists and is of another type.
    """
    template = _template(wanted, block_id=block_id)
    try:
        existing = await client.read_work_pool(wanted.pool)
    except ObjectNotFound:
        pool = WorkPoolCreate(
            name=wanted.pool, type=NorthflankWorker.type, base_job_template=template
        )
        await client.create_work_pool(pool)
        return
    if existing.type != NorthflankWorker.type:
        raise ConfigurationError(
            what=f"work pool {wanted.pool}",
            why=f"it exists and is of type {existing.type}",
            remedy="choose another name with --pool",
        )
    await client.update_work_pool(wanted.pool, WorkPoolUpdate(base_job_template=template))


def _template(wanted: PoolSetup, *, block_id: str) -> dict[str, Any]:
    template = NorthflankWorker.get_default_base_job_template()
    properties = template["variables"]["properties"]
    properties["credentials"]["default"] = {"$ref": {"block_document_id": block_id}}
    properties["project_id"]["default"] = wanted.project.id
    properties["billing_deployment_plan"]["default"] = wanted.plan
    if wanted.api_url:
        properties["prefect_api_url"]["default"] = wanted.api_url
    return template


async def create_secret_group(wanted: PoolSetup) -> str | None:
    """Put the secrets that open the Prefect API into the pool's secret group; return its name, None if there are none."""
    async with NorthflankClient(wanted.access, on_retry=told_once(wanted.tell)) as client:
        return await SecretGroups(client).tag_for(
            wanted.project,
            pool=wanted.pool,
            secret=secrets_of_this_process(),
            identity=wanted.api_url or str(get_current_settings().api.url or ""),
        )
