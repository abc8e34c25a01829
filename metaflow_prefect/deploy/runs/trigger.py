"""Start a run of a deployment, and wait for it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from typing import Any

from metaflow_prefect.deploy.plan.parameter_schema import flow_run_parameters
from metaflow_prefect.deploy.runs import runs
from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord
from metaflow_prefect.errors import ParameterRefused, RunRefused
from metaflow_prefect.names import option_key
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.local import typed_command


def trigger(client: Any, record: DeploymentRecord, values: Mapping[str, Any]) -> RunRecord:
    """Ask for a run of the deployment; *values* are by Metaflow's names of the parameters.

    Raises:
        ParameterRefused: it has no such parameter, needs another one, or its schema refuses a value.
    """
    parameters = flow_run_parameters(record.arguments, values, record.full_name)
    _require(record, parameters)
    return _created(client, record, parameters, {})


def resume(
    client: Any,
    record: DeploymentRecord,
    origin_run_id: str,
    step_to_rerun: str | None,
    values: Mapping[str, Any],
) -> RunRecord:
    """Ask for a run of the deployment that reuses what the run *origin_run_id* has done.

    It has that run's parameters, except those in *values*, and executes the code that is deployed now.

    Raises:
        RunRefused: there is no such run of the flow, or it is not over.
        ParameterRefused: the deployment does not accept that run's parameters any more, or a new value.
    """
    origin = runs.read(client, record.flow_name, origin_run_id)
    if not origin.status.is_over:
        raise RunRefused(
            f"{origin.run_id} is not over ({origin.state}); nothing was started.",
            fix=f"wait until it ends, or cancel it first: `{typed_command.typed('terminate', origin.run_id)}`",
        )
    environment = {variables.ORIGIN_RUN_ID: origin.run_id}
    if step_to_rerun is not None:
        environment[variables.STEP_TO_RERUN] = step_to_rerun
    new = flow_run_parameters(record.arguments, values, record.full_name)
    if new:
        environment[variables.HAS_NEW_VALUES] = "1"
    parameters = {**client.read_flow_run(origin.id).parameters, **new}
    return _created(client, record, parameters, environment)


def _require(record: DeploymentRecord, parameters: Mapping[str, Any]) -> None:
    """Make sure that each required parameter has a value."""
    missing = [
        argument.name
        for argument in record.arguments
        if argument.is_required
        and argument.key not in parameters
        and argument.key not in record.defaults
    ]
    if not missing:
        return
    in_python = ", ".join(f"{option_key(name)}=VALUE" for name in missing)
    raise ParameterRefused(
        f"{record.full_name} needs a value for {', '.join(missing)}; nothing was started.",
        fix=f"pass it: {shlex.join(typed_command.values(missing))} on the command line, trigger({in_python}) in Python",
    )


def _by_names(detail: str, record: DeploymentRecord) -> str:
    """Return Prefect's message with the flow's own names of its parameters."""
    for argument in record.arguments:
        detail = detail.replace(f"'{argument.key}'", f"'{argument.name}'")
    return detail


def _created(
    client: Any,
    record: DeploymentRecord,
    parameters: Mapping[str, Any],
    environment: Mapping[str, str],
) -> RunRecord:
    """Create the flow run; *environment* is added to the environment of its job."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        flow_run = client.create_flow_run_from_deployment(
            record.id,
            parameters=dict(parameters),
            job_variables={"env": dict(environment)} if environment else None,
        )
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise
        raise ParameterRefused(
            f"{record.full_name} does not accept these parameters; nothing was started: "
            f"{_by_names(error.response.json().get('detail', error.response.text), record)}",
            fix="pass a value that fits, or deploy the flow again if its parameters have changed",
        ) from error
    return runs.read(client, record.flow_name, str(flow_run.id))


def wait(client: Any, run: RunRecord) -> RunRecord:
    """Wait until the run is over and return it as it is then."""
    while not run.status.is_over:
        time.sleep(runs.POLL_SECONDS)
        run = runs.read(client, run.flow_name, run.id)
    return run
