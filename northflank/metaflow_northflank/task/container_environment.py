"""The environment of a container, from Metaflow's configuration of this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

_SAME = (
    "CARD_AZUREROOT",
    "CARD_GSROOT",
    "CARD_S3ROOT",
    "DATASTORE_SYSROOT_AZURE",
    "DATASTORE_SYSROOT_GS",
    "DATASTORE_SYSROOT_S3",
    "DATATOOLS_S3ROOT",
    "DEFAULT_AWS_CLIENT_PROVIDER",
    "DEFAULT_AZURE_CLIENT_PROVIDER",
    "DEFAULT_GCP_CLIENT_PROVIDER",
    "DEFAULT_SECRETS_BACKEND_TYPE",
    "AWS_SECRETS_MANAGER_DEFAULT_REGION",
    "AWS_SECRETS_MANAGER_DEFAULT_ROLE",
    "GCP_SECRET_MANAGER_PREFIX",
    "AZURE_KEY_VAULT_PREFIX",
    "AZURE_STORAGE_BLOB_SERVICE_ENDPOINT",
    "S3_ENDPOINT_URL",
    "S3_SERVER_SIDE_ENCRYPTION",
    "S3_RETRY_COUNT",
    "OTEL_ENDPOINT",
    "OTEL_SERVICE_NAME",
)
"""The settings that hold in a container as they do here. DATASTORE_SYSROOT_LOCAL does not: local metadata is brought
home from the container's working directory."""

_PREFIXES = ("METAFLOW_CONDA_", "METAFLOW_DEBUG_", "METAFLOW_CARD_")

_NOT_THERE = ("METAFLOW_DATASTORE_SYSROOT_LOCAL", "METAFLOW_NORTHFLANK_SOCKET")

_PASSED_ON = ("METAFLOW_PRODUCTION_TOKEN", "METAFLOW_OWNER")


_KEY_HEADER = "x-api-key"
"""The header that Metaflow makes of METAFLOW_SERVICE_AUTH_KEY: a secret, which a secret group gives the containers."""


def metaflow_environment(
    obj: Any, package: dict[str, str], run_id: str, user: str
) -> dict[str, str]:
    """Return the variables by which Metaflow in the container works as here; *obj* is the command line's object."""
    from metaflow import metaflow_config
    from metaflow.metaflow_config_funcs import config_values

    variables = {
        "METAFLOW_USER": user,
        "METAFLOW_RUN_ID": run_id,
        "METAFLOW_DEFAULT_DATASTORE": obj.flow_datastore.TYPE,
        "METAFLOW_DEFAULT_METADATA": obj.metadata.TYPE,
        "METAFLOW_SERVICE_URL": metaflow_config.SERVICE_INTERNAL_URL,
        "METAFLOW_SERVICE_HEADERS": json.dumps(_without_key(metaflow_config.SERVICE_HEADERS)),
        **{f"METAFLOW_{name}": getattr(metaflow_config, name, None) for name in _SAME},
        **{f"METAFLOW_CODE_{name}": value for name, value in package.items()},
        **{name: os.environ.get(name) for name in _PASSED_ON},
        **{
            name: value
            for name, value in config_values()
            if name.startswith(_PREFIXES) and name not in _NOT_THERE
        },
        # It may have been given on the command line.
        f"METAFLOW_DATASTORE_SYSROOT_{obj.flow_datastore.TYPE.upper()}": obj.flow_datastore.datastore_root,
    }
    if obj.environment.TYPE == "uv":
        # An image may tell uv to install into its own Python, where the step would not find the packages.
        variables["UV_SYSTEM_PYTHON"] = "0"
    return {name: str(value) for name, value in variables.items() if value not in (None, "")}


def _without_key(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != _KEY_HEADER}
