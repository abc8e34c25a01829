"""What is done to a deployment or a run that exists: found, authorised, then carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metaflow_prefect.deploy.runs import runs
from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.deploy.server import apply, deployment_record, production_tokens
from metaflow_prefect.deploy.server.deploying_machine import user
from metaflow_prefect.deploy.server.deployment_name import Target
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Who asks, and the production token they show; `cached` is what this machine has stored."""

    user: str
    authorize: str | None = None
    cached: str | None = None

    @classmethod
    def of(cls, target: Target, authorize: str | None) -> Authority:
        """Return the authority of whoever runs this command over *target*."""
        return cls(
            user=user(), authorize=authorize, cached=production_tokens.cached(target.token_prefix)
        )

    def check(self, deployment: DeploymentRecord) -> None:
        """Let only the owner and those who know the token change a deployment and its runs.

        Raises:
            Unauthorized: it is somebody else's.
        """
        production_tokens.check(
            deployment.holder, self.user, self.authorize, self.cached, deployment.words
        )


def delete(client: Any, full_name: str, authority: Authority) -> None:
    """Remove a deployment, its schedules and its automations; runs under way go on.

    Raises:
        DeploymentRefused: there is none of that name.
        Unauthorized: it is somebody else's.
    """
    deployment = deployment_record.read(client, full_name)
    authority.check(deployment)
    apply.delete(client, deployment)


def set_paused(client: Any, full_name: str, authority: Authority, *, is_paused: bool) -> None:
    """Put the schedules of a deployment to sleep, or wake them.

    Raises:
        DeploymentRefused: there is none of that name.
        Unauthorized: it is somebody else's.
    """
    deployment = deployment_record.read(client, full_name)
    authority.check(deployment)
    apply.set_paused(client, deployment, is_paused=is_paused)


def change_run(
    client: Any,
    full_name: str,
    run_id: str,
    authority: Authority,
    change: Callable[[Any, RunRecord], None],
) -> RunRecord:
    """Do *change* to a run of the deployment, and return the run as it is afterwards.

    Raises:
        DeploymentRefused: there is no such deployment.
        RunRefused: there is no such run of it, or it is in no state for that.
        Unauthorized: the deployment is somebody else's.
    """
    deployment = deployment_record.read(client, full_name)
    run = runs.read(client, deployment.flow_name, run_id)
    runs.belongs(run, deployment)
    authority.check(deployment)
    change(client, run)
    return runs.read(client, deployment.flow_name, run_id)
