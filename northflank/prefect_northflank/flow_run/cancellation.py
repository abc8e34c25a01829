"""Aborts the job run that Prefect has recorded for a flow run; raises Prefect's errors if it cannot."""

from __future__ import annotations

from collections.abc import Collection

from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound

from prefect_northflank.accounts import Accounts
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.errors import ConfigurationError, NorthflankError, NotFound
from prefect_northflank.job.configuration import NorthflankJobConfiguration
from prefect_northflank.job.names import submission_id_of
from prefect_northflank.records.infrastructure_pid import InfrastructurePid


async def kill(
    infrastructure_pid: str, configuration: NorthflankJobConfiguration, accounts: Accounts
) -> None:
    """Abort the job run.

    Raises:
        InfrastructureNotFound: there is no job run to abort, or not any more.
        InfrastructureNotAvailable: this worker cannot reach it.
    """
    try:
        pid = InfrastructurePid.parse(infrastructure_pid)
        client = accounts.account(configuration.access()).client
    except (ValueError, ConfigurationError) as error:
        raise InfrastructureNotAvailable(str(error)) from error
    try:
        running = [pid.run] if pid.run else await _active_runs_of_intent(client, pid)
        for run in running:
            await client.abort_run(pid.project, pid.job, run)
    except NotFound as error:
        raise InfrastructureNotFound(str(error)) from error
    except NorthflankError as error:
        raise InfrastructureNotAvailable(str(error)) from error
    if not running:
        message = f"no job run of {pid.job} was recorded for this flow run"
        raise InfrastructureNotFound(message)


async def _active_runs_of_intent(
    client: NorthflankClient, pid: InfrastructurePid
) -> Collection[str]:
    """Return the active runs of a start that was intended but not recorded; none of a lasting job, which others share."""
    if submission_id_of(pid.job) is None:
        return ()
    return [run.id async for run in client.runs(pid.project, pid.job) if not run.concluded]
