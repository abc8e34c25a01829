"""Start a run of a deployment, and wait for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from metaflow_prefect.deploy import runs
from metaflow_prefect.deploy.record import DeploymentRecord
from metaflow_prefect.deploy.runs import RunRecord
from metaflow_prefect.deploy.schema import flow_run_parameters
from metaflow_prefect.errors import ParameterRefused, RunRefused
from metaflow_prefect.runtime import deployed


def trigger(client: Any, record: DeploymentRecord, values: Mapping[str, Any]) -> RunRecord:
    """Ask for a run of the deployment; *values* are by Metaflow's names of the parameters.

    Raises:
        ParameterRefused: it has no such parameter, or its schema refuses a value.
    """
    parameters = flow_run_parameters(record.arguments, values, record.full_name)
    return _created(client, record, parameters, {})


def resume(
    client: Any, record: DeploymentRecord, origin_run_id: str, step_to_rerun: str | None
) -> RunRecord:
    """Ask for a run of the deployment that takes over what the run *origin_run_id* has done.

    It has that run's parameters, and executes the code that is deployed now.

    Raises:
        RunRefused: there is no such run of the flow, or it is not over.
        ParameterRefused: the deployment does not accept that run's parameters any more.
    """
    origin = runs.read(client, record.flow_name, origin_run_id)
    if not origin.status.is_over:
        raise RunRefused(
            f"{origin.run_id} is not over ({origin.state}); nothing was started.",
            fix="wait for its end, or `prefect terminate` it first",
        )
    variables = {deployed.ORIGIN_RUN_ID: origin.run_id}
    if step_to_rerun is not None:
        variables[deployed.STEP_TO_RERUN] = step_to_rerun
    return _created(client, record, client.read_flow_run(origin.id).parameters, variables)


def _created(
    client: Any,
    record: DeploymentRecord,
    parameters: Mapping[str, Any],
    variables: Mapping[str, str],
) -> RunRecord:
    """Create the flow run; *variables* are added to the environment of its job."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        flow_run = client.create_flow_run_from_deployment(
            record.id,
            parameters=dict(parameters),
            job_variables={"env": dict(variables)} if variables else None,
        )
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise
        raise ParameterRefused(
            f"{record.full_name} does not accept these parameters; nothing was started: "
            f"{error.response.json().get('detail', error.response.text)}",
            fix="deploy the flow again if its parameters have changed",
        ) from error
    return runs.read(client, record.flow_name, str(flow_run.id))


def wait(client: Any, run: RunRecord) -> RunRecord:
    """Wait until the run is over and return it as it is then."""
    while not run.status.is_over:
        time.sleep(runs.LOOK_SECONDS)
        run = runs.read(client, run.flow_name, run.id)
    return run
