"""Changes to a deployment or a run that exists: find it, authorize the user, then carry the change out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metaflow_prefect.deploy.runs import runs
from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.deploy.server import apply, production_tokens
from metaflow_prefect.deploy.server.deployment_name import DeploymentName
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord
from metaflow_prefect.deploy.server.gather_context import user


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Who asks for a change, and with which production token; `cached` is the one that this machine has stored."""

    user: str
    authorize: str | None = None
    cached: str | None = None

    @classmethod
    def of(cls, name: DeploymentName, authorize: str | None) -> Authority:
        """Return the authority of the user of this command over *name*."""
        return cls(
            user=user(), authorize=authorize, cached=production_tokens.cached(name.token_prefix)
        )

    def check(self, deployment: DeploymentRecord) -> None:
        """Let only the owner and those who know the token change a deployment and its runs.

        Raises:
            Unauthorized: it belongs to another user.
        """
        production_tokens.check(
            deployment.holder, self.user, self.authorize, self.cached, deployment.name_option
        )


def delete(client: Any, deployment: DeploymentRecord, authority: Authority) -> None:
    """Remove a deployment, its schedules and its automations; runs under way go on.

    Raises:
        Unauthorized: it belongs to another user.
    """
    authority.check(deployment)
    apply.delete(client, deployment)


def set_paused(
    client: Any, deployment: DeploymentRecord, authority: Authority, *, is_paused: bool
) -> None:
    """Pause the schedules of a deployment, or resume them.

    Raises:
        Unauthorized: it belongs to another user.
    """
    authority.check(deployment)
    apply.set_paused(client, deployment, is_paused=is_paused)


def change_run(
    client: Any,
    deployment: DeploymentRecord,
    run_id: str,
    authority: Authority,
    change: Callable[[Any, RunRecord], None],
) -> RunRecord:
    """Do *change* to a run of the deployment, and return the run as it is afterwards.

    Raises:
        RunRefused: there is no such run of it, or its state does not allow that.
        Unauthorized: the deployment belongs to another user.
    """
    run = runs.read(client, deployment.flow_name, run_id)
    runs.belongs(run, deployment)
    authority.check(deployment)
    change(client, run)
    return runs.read(client, deployment.flow_name, run_id)
