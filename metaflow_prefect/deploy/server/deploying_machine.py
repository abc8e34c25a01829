"""Gather the facts of this machine that a deployment needs: who deploys, and how a run finds its data."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metaflow_prefect.analysis.code import code_files
from metaflow_prefect.deploy.plan.captured_environment import Taken, taken, values_of_environment
from metaflow_prefect.deploy.plan.job_variables import LOCAL_POOL_TYPES, Site
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.steps import working_directory

_CLIENTS = {
    # What Metaflow needs beside itself for each datastore (its own documentation of the storage types).
    "s3": ("boto3",),
    "azure": ("azure-identity", "azure-storage-blob"),
    "gs": ("google-cloud-storage", "google-auth"),
}

_SETTINGS = (
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A work pool on the server, with its base job template."""

    name: str
    type: str
    template: Mapping[str, Any]


def user() -> str:
    """Return the person who runs this command, as Metaflow names them."""
    from metaflow.util import get_username

    return get_username() or "unknown"


def gather(state: Any, pool: Pool, token: str | None) -> Site:
    """Return the facts; *state* is Metaflow's command line, *token* the production token."""
    datastore = state.flow_datastore
    environment = {
        "METAFLOW_DEFAULT_DATASTORE": datastore.TYPE,
        "METAFLOW_DEFAULT_METADATA": state.metadata.TYPE,
        **dict(_configured()),
    }
    root = str(datastore.datastore_root)
    if datastore.TYPE == "local":
        # Metaflow appends `.metaflow` to this variable.
        root = str(Path(root).resolve().parent)
    # The one in use, which may have been typed (--datastore-root): whoever looks for a run needs it, too.
    environment[f"METAFLOW_DATASTORE_SYSROOT_{datastore.TYPE.upper()}"] = root
    local_folder = working_directory.found_from_here()
    if (
        datastore.TYPE == "local"
        and pool.type in LOCAL_POOL_TYPES
        and local_folder.parent != Path(root)
    ):
        # Its cards have to be where `python flow.py card` looks for them, as those of `run` are.
        environment[variables.LOCAL_FOLDER] = str(local_folder)
    return Site(
        owner=user(),
        token=token,
        pool=pool.name,
        pool_type=pool.type,
        pool_template=pool.template,
        metaflow_environment=environment,
        requirements=(f"metaflow=={version('metaflow')}", *_CLIENTS.get(datastore.TYPE, ())),
        python=sys.executable,
        taken=_taken(state),
    )


def _taken(state: Any) -> Taken:
    values = values_of_environment(state.graph)
    return taken(code_files(state).values(), values, os.environ) if values else Taken()


def _configured() -> Iterable[tuple[str, str]]:
    from metaflow import metaflow_config

    for name in _SETTINGS:
        value = getattr(metaflow_config, name, None)
        if value:
            yield f"METAFLOW_{name}", str(value)
