"""The names of the deployment that a command on a flow's file is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan.plan import deployment_name
from metaflow_prefect.deploy.server import production_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentName:
    """The names of a deployment. `token_prefix` is the name under which its production token is cached."""

    flow_name: str
    full_name: str
    token_prefix: str
    is_project: bool


def of_command(state: Any, name: str | None) -> DeploymentName:
    """Return the names of the deployment that a command on the flow of *state* (Metaflow's command line) is about.

    Raises:
        DeploymentRefused: no deployment can have that name.
    """
    from metaflow import current

    from metaflow_prefect.analysis.decorators import flow_decorators, project

    found = project(flow_decorators(state.flow), current)
    return of_flow(state.flow.name, name, found)


def of_flow(flow_name: str, name: str | None, project: ir.Project | None) -> DeploymentName:
    """Return the names of the deployment of the flow *flow_name* that is called *name*."""
    return DeploymentName(
        flow_name=flow_name,
        full_name=f"{flow_name}/{deployment_name(project, name)}",
        token_prefix=production_tokens.prefix(flow_name, name, project),
        is_project=project is not None,
    )
