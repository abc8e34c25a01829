"""Start a run of a deployment, and wait for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from metaflow_prefect.deploy import runs
from metaflow_prefect.deploy.record import DeploymentRecord
from metaflow_prefect.deploy.runs import RunRecord
from metaflow_prefect.deploy.schema import flow_run_parameters
from metaflow_prefect.errors import ParameterRefused

_POLL_SECONDS = 2.0


def trigger(client: Any, record: DeploymentRecord, values: Mapping[str, Any]) -> RunRecord:
    """Ask for a run of the deployment; *values* are by Metaflow's names of the parameters.

    Raises:
        ParameterRefused: it has no such parameter, or its schema refuses a value.
    """
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    parameters = flow_run_parameters(record.arguments, values, record.full_name)
    try:
        flow_run = client.create_flow_run_from_deployment(record.id, parameters=parameters)
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
        time.sleep(_POLL_SECONDS)
        run = runs.read(client, run.flow_name, run.id)
    return run
