"""Carry out a deployment plan: the only part of the compiler that changes anything on a Prefect server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from metaflow_prefect.deploy.plan import DeploymentPlan
from metaflow_prefect.errors import DeploymentRefused, ServerRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What the server holds now. `url` is None where Prefect has no page (its embedded server)."""

    id: str
    full_name: str
    url: str | None


@contextmanager
def prefect_client() -> Iterator[Any]:
    """Connect to the configured server, or to Prefect's embedded one where none is configured.

    Raises:
        ServerRefused: the configured server does not answer, or refuses us.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    from metaflow_prefect.runtime.local_run import is_embedded, require_server

    if not is_embedded():
        require_server()
    try:
        with get_client(sync_client=True) as client:
            yield client
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise ServerRefused(
                f"The Prefect server refuses us ({status}).",
                fix="set PREFECT_API_AUTH_STRING (or PREFECT_API_KEY for Prefect Cloud)",
            ) from error
        raise ServerRefused(
            f"The Prefect server answered {status}: {error.response.text[:500]}",
            fix="see the server's log",
        ) from error
    except httpx.HTTPError as error:
        raise ServerRefused(
            f"The connection to the Prefect server broke ({type(error).__name__}).",
            fix="see whether it still runs, then repeat the command: it is safe to repeat",
        ) from error


def pool_type(client: Any, name: str) -> str:
    """Return the type of the work pool *name*.

    Raises:
        DeploymentRefused: there is no such pool; the message names the command that creates it.
    """
    from prefect.exceptions import ObjectNotFound

    try:
        return str(client.read_work_pool(name).type)
    except ObjectNotFound:
        known = ", ".join(sorted(pool.name for pool in client.read_work_pools())) or "none"
        raise DeploymentRefused(
            f"There is no work pool {name!r}; nothing was created (pools on this server: {known}).",
            fix=f"prefect work-pool create --type northflank {name}    (or --type process, to run on workers' machines)",
        ) from None


def apply(client: Any, planned: DeploymentPlan) -> Deployed:
    """Create the deployment, or bring the existing one of that name up to date.

    One request carries it all, so that a failure leaves the server as it was; repeating it changes nothing.
    """
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.utilities.urls import url_for

    try:
        schedules = [
            DeploymentScheduleCreate(
                schedule=CronSchedule(cron=schedule.cron, timezone=schedule.timezone), active=True
            )
            for schedule in planned.schedules
        ]
    except ValueError as error:
        raise DeploymentRefused(
            f"@schedule is not one that Prefect knows; nothing was created: {error}",
            fix="write the cron line as minute, hour, day of month, month, day of week, and an IANA time zone",
        ) from error
    flow_id = client.create_flow_from_name(planned.flow_name)
    deployment_id = client.create_deployment(
        flow_id=flow_id,
        name=planned.name,
        version=planned.version,
        schedules=schedules,
        parameters=dict(planned.parameters),
        description=planned.description,
        work_pool_name=planned.work_pool,
        tags=list(planned.tags),
        entrypoint=planned.entrypoint,
        parameter_openapi_schema=dict(planned.parameter_schema),
        paused=planned.is_paused,
        pull_steps=[dict(step) for step in planned.pull_steps],
        enforce_parameter_schema=True,
        job_variables=dict(planned.job_variables),
    )
    url = url_for("deployment", obj_id=deployment_id, default_base_url=None)
    return Deployed(id=str(deployment_id), full_name=planned.full_name, url=url)
