"""Which deployment a command on a flow's file is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan.plan import deployment_name
from metaflow_prefect.deploy.server import production_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A deployment by its names. `token_prefix` is the name under which its production token is cached."""

    flow_name: str
    full_name: str
    token_prefix: str
    is_project: bool


def target(state: Any, name: str | None) -> Target:
    """Return the deployment of the flow of *state* (Metaflow's command line) that is called *name*.

    Raises:
        DeploymentRefused: no deployment can have that name.
    """
    from metaflow import current

    from metaflow_prefect.analysis.decorators import project

    flow_name = state.flow.name
    found = project(_flow_decorators(state.flow), current)
    return of_flow(flow_name, name, found)


def of_flow(flow_name: str, name: str | None, project: ir.Project | None) -> Target:
    """Return the deployment of a flow that is already known."""
    return Target(
        flow_name=flow_name,
        full_name=f"{flow_name}/{deployment_name(project, name)}",
        token_prefix=production_tokens.prefix(flow_name, name, project),
        is_project=project is not None,
    )


def _flow_decorators(flow: Any) -> tuple[Any, ...]:
    from metaflow.decorators import flow_decorators

    return tuple(flow_decorators(flow))
