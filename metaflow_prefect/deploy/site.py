"""Gather the facts of this machine that a deployment needs: who deploys, and how a run finds its data."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metaflow_prefect.deploy.plan import Site

_CLIENTS = {
    # What Metaflow needs beside itself for each datastore (its own documentation of the storage types).
    "s3": ("boto3",),
    "azure": ("azure-identity", "azure-storage-blob"),
    "gs": ("google-cloud-storage", "google-auth"),
}

_SETTINGS = (
    "DATASTORE_SYSROOT_S3",
    "DATASTORE_SYSROOT_AZURE",
    "DATASTORE_SYSROOT_GS",
    "DATATOOLS_S3ROOT",
    "S3_ENDPOINT_URL",
    "AZURE_STORAGE_BLOB_SERVICE_ENDPOINT",
    "SERVICE_URL",
    "SERVICE_INTERNAL_URL",
    "CARD_S3ROOT",
    "CARD_AZUREROOT",
    "CARD_GSROOT",
    "DEFAULT_SECRETS_BACKEND_TYPE",
)
"""Metaflow settings that say where things are. None of them is a secret: those are for the pool's own variables."""


def gather(state: Any, pool_type: str) -> Site:
    """Return the facts; *state* is Metaflow's command line, *pool_type* the type of the work pool."""
    from metaflow.util import get_username

    datastore = state.flow_datastore
    environment = {
        "METAFLOW_DEFAULT_DATASTORE": datastore.TYPE,
        "METAFLOW_DEFAULT_METADATA": state.metadata.TYPE,
        **dict(_configured()),
    }
    if datastore.TYPE == "local":
        # Metaflow appends `.metaflow` to this variable.
        environment["METAFLOW_DATASTORE_SYSROOT_LOCAL"] = str(
            Path(datastore.datastore_root).resolve().parent
        )
    return Site(
        owner=get_username() or "unknown",
        pool_type=pool_type,
        metaflow_environment=environment,
        requirements=(f"metaflow=={version('metaflow')}", *_CLIENTS.get(datastore.TYPE, ())),
    )


def _configured() -> Iterable[tuple[str, str]]:
    from metaflow import metaflow_config

    for name in _SETTINGS:
        value = getattr(metaflow_config, name, None)
        if value:
            yield f"METAFLOW_{name}", str(value)
