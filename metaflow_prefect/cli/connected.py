"""The deployment that a command is about, read from the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaflow_prefect.deploy.authorized import Authority
    from metaflow_prefect.deploy.server.deployment_name import DeploymentName
    from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A client of the server, and the deployment as it is there."""

    client: Any
    name: DeploymentName
    deployment: DeploymentRecord

    def authority(self, authorize: str | None) -> Authority:
        """Return the user's authority over the deployment; *authorize* is the token that they gave."""
        from metaflow_prefect.deploy.authorized import Authority

        return Authority.of(self.name, authorize)


@contextmanager
def deployment_of(obj: Any, name: str | None) -> Iterator[Connected]:
    """Connect to the server and read the deployment of Metaflow's command line *obj* that is called *name*.

    Raises:
        DeploymentRefused: there is none.
    """
    from metaflow_prefect.deploy.server import deployment_record
    from metaflow_prefect.deploy.server.deployment_name import of_command
    from metaflow_prefect.runtime.servers.connection import prefect_client

    found = of_command(obj, name)
    with prefect_client() as client:
        record = deployment_record.read(client, found.full_name)
        yield Connected(client=client, name=found, deployment=record)
