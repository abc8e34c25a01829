"""Gather what a deployment needs to know: its work pool, its owner, and how a run finds its data."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metaflow_prefect.deploy.plan.capturing import capture
from metaflow_prefect.deploy.plan.deploy_context import DeployContext, WorkPool
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord
from metaflow_prefect.errors import DeploymentRefused, Refusals
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.in_flow.print_environment import values_by_step
from metaflow_prefect.runtime.servers.connection import prefect_command
from metaflow_prefect.runtime.steps import working_directory
from metaflow_prefect.runtime.store.captured_environment import (
    NOTHING_CAPTURED,
    CapturedEnvironment,
)

_CLIENTS = {
    # What Metaflow needs beside itself for each datastore (its own documentation of the storage types).
    "s3": ("boto3",),
    "azure": ("azure-identity", "azure-storage-blob"),
    "gs": ("google-cloud-storage", "google-auth"),
}

_DEFAULT_QUEUE = "default"
"""The work queue of a pool from which flow runs come that name none."""

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
"""Metaflow settings that say where things are. None of them is secret: secrets belong in the pool's own variables."""


def work_pool(client: Any, name: str | None, existing: DeploymentRecord | None) -> WorkPool:
    """Return the work pool to deploy to: the named one, or the only one that can be meant.

    That is the pool of the *existing* deployment, Prefect's default pool (PREFECT_DEFAULT_WORK_POOL_NAME),
    or the only pool of the server.

    Raises:
        DeploymentRefused: there is no such pool, or several and none is named.
    """
    from prefect.settings import get_current_settings

    pools = {item.name: item for item in client.read_work_pools()}
    chosen = (
        name
        or (existing.work_pool if existing is not None else None)
        or get_current_settings().deployments.default_work_pool_name
        or (next(iter(pools)) if len(pools) == 1 else None)
    )
    known = ", ".join(sorted(pools)) or "none"
    if chosen is None:
        make = "" if pools else f", after {_how_to_create('POOL')}"
        raise DeploymentRefused(
            f"No work pool is named; nothing was created (pools on this server: {known}).",
            fix=f"name one with --work-pool{make}",
        )
    if chosen not in pools:
        raise DeploymentRefused(
            f"There is no work pool {chosen!r}; nothing was created (pools on this server: {known}).",
            fix=_how_to_create(chosen),
        )
    found = pools[chosen]
    return _parsed(found)


def places(client: Any, pool: WorkPool, queue: str | None) -> int | None:
    """Return how many flow runs the pool, or its work queue, executes at the same time; None without a limit."""
    from prefect.exceptions import ObjectNotFound

    limits = [pool.concurrency_limit]
    # A queue that is not there yet is created with the deployment, without a limit.
    with suppress(ObjectNotFound):
        found = client.read_work_queue_by_name(queue or _DEFAULT_QUEUE, pool.name)
        limits.append(found.concurrency_limit)
    return min((limit for limit in limits if limit is not None), default=None)


def step_pools(client: Any, names: Iterable[str], refusals: Refusals) -> dict[str, WorkPool]:
    """Return the work pools that steps name in @northflank; gather those that do not exist."""
    wanted = tuple(names)
    present = {item.name: item for item in client.read_work_pools()} if wanted else {}
    for name in wanted:
        if name not in present:
            refusals.add(
                DeploymentRefused(
                    f"@northflank(pool={name!r}): there is no such work pool; nothing was created.",
                    fix=_how_to_create(name),
                )
            )
    return {name: _parsed(present[name]) for name in wanted if name in present}


def _parsed(found: Any) -> WorkPool:
    return WorkPool(
        name=found.name,
        type=str(found.type),
        template=found.base_job_template,
        concurrency_limit=found.concurrency_limit,
    )


def _how_to_create(pool: str) -> str:
    command = prefect_command("work-pool", "create", "--type", "northflank", pool)
    return f"{command}    (or --type process, to run on workers' machines)"


def user() -> str:
    """Return the person who runs this command, as Metaflow names them."""
    from metaflow.util import get_username

    return get_username() or "unknown"


def gather(
    state: Any, pool: WorkPool, token: str | None, code: Mapping[str, bytes]
) -> DeployContext:
    """Return the facts; *state* is Metaflow's command line, *token* the production token, *code* the flow's files."""
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
    # The one in use, which may have been typed (--datastore-root): a client that looks for a run needs it, too.
    environment[f"METAFLOW_DATASTORE_SYSROOT_{datastore.TYPE.upper()}"] = root
    local_folder = working_directory.found_from_here()
    if datastore.TYPE == "local" and pool.is_local and local_folder.parent != Path(root):
        # Its cards have to be where `python flow.py card` looks for them, as those of `run` are.
        environment[variables.LOCAL_FOLDER] = str(local_folder)
    return DeployContext(
        owner=user(),
        token=token,
        pool=pool,
        metaflow_environment=environment,
        requirements=(f"metaflow=={version('metaflow')}", *_CLIENTS.get(datastore.TYPE, ())),
        python=sys.executable,
        captured=_captured(state, code),
    )


def _captured(state: Any, code: Mapping[str, bytes]) -> CapturedEnvironment:
    values = values_by_step(state.graph)
    return capture(code.values(), values, os.environ) if any(values.values()) else NOTHING_CAPTURED


def _configured() -> Iterable[tuple[str, str]]:
    from metaflow import metaflow_config

    for name in _SETTINGS:
        value = getattr(metaflow_config, name, None)
        if value:
            yield f"METAFLOW_{name}", str(value)
