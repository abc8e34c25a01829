"""Start a run of a deployment, and wait for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metaflow_prefect import names
from metaflow_prefect.errors import DeploymentRefused, ParameterRefused

_POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """A flow run that was asked for; `run_id` is the id its Metaflow run will have."""

    id: str
    name: str
    run_id: str
    url: str | None


def trigger(client: Any, full_name: str, parameters: Mapping[str, Any]) -> Triggered:
    """Ask for a run of the deployment *full_name* (`flow/deployment`).

    Raises:
        DeploymentRefused: there is no such deployment.
        ParameterRefused: the server's copy of the parameter schema refuses a value.
    """
    import httpx
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
    from prefect.utilities.urls import url_for

    try:
        deployment = client.read_deployment_by_name(full_name)
    except ObjectNotFound:
        raise DeploymentRefused(
            f"There is no deployment {full_name!r} on this server; nothing was started.",
            fix="deploy the flow first (`prefect deploy --work-pool …`), with the same --name and --branch",
        ) from None
    try:
        flow_run = client.create_flow_run_from_deployment(
            deployment.id, parameters=dict(parameters)
        )
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise
        raise ParameterRefused(
            f"{full_name} does not accept these parameters; nothing was started: "
            f"{error.response.json().get('detail', error.response.text)}",
            fix="deploy the flow again if its parameters have changed",
        ) from error
    return Triggered(
        id=str(flow_run.id),
        name=flow_run.name,
        run_id=names.run_id(flow_run.id),
        url=url_for("flow-run", obj_id=flow_run.id, default_base_url=None),
    )


def wait(client: Any, triggered: Triggered) -> Any:
    """Wait until the flow run is over and return its final Prefect state."""
    while True:
        state = client.read_flow_run(triggered.id).state
        if state is not None and state.is_final():
            return state
        time.sleep(_POLL_SECONDS)
