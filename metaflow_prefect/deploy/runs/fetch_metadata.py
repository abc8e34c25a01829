"""Copy the metadata of a run that ran elsewhere to this machine, so that Metaflow's client finds the run."""

from __future__ import annotations

from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord
from metaflow_prefect.errors import RunRefused
from metaflow_prefect.runtime.store.datastore import RunDatastore
from metaflow_prefect.runtime.store.metadata_copy import MetadataCopy


def is_elsewhere(deployment: DeploymentRecord) -> bool:
    """Return whether the runs of the deployment write metadata to files that only their machines see."""
    return deployment.metadata_kind == "local" and deployment.datastore not in (None, "local")


def fetch(deployment: DeploymentRecord, run: RunRecord) -> bool:
    """Fetch the run's metadata that is stored so far; False if there is none yet.

    Raises:
        RunRefused: the datastore can't be read from here.
    """
    assert deployment.datastore is not None  # noqa: S101  see `is_elsewhere`
    try:
        datastore = RunDatastore(
            run.flow_name, run.run_id, deployment.datastore, deployment.datastore_root
        )
        return MetadataCopy(datastore).fetch()
    except Exception as error:
        # Each storage provider raises its own errors.
        raise RunRefused(
            f"{run.pathspec} can't be read from {deployment.datastore_root}: {error}",
            fix="give this machine access to the datastore (credentials, METAFLOW_S3_ENDPOINT_URL)",
        ) from error
