"""The environment variables of this package that commands, flow runs and steps read: who sets each, and what it means."""

from __future__ import annotations

from metaflow_prefect.runtime.in_flow import current_trigger, locked_packages, new_parameter_values

NAMESPACE = "METAFLOW_PREFECT_NAMESPACE"
"""Set by the user or the deployment: the namespace of Metaflow's client inside the steps; empty for all runs."""

STEP_EXECUTOR = "METAFLOW_PREFECT_STEP_EXECUTOR"
"""Set by the user: how steps are executed, one of `auto`, `fork` and `fresh`."""

PYPI_INSTALLER = "METAFLOW_PREFECT_PYPI_INSTALLER"
"""Set by the user: what installs the packages of @pypi, `uv` or `micromamba` (Metaflow's own way)."""

PLATFORM = "METAFLOW_PREFECT_PLATFORM"
"""Set by the user for `deploy`: the platform of the containers, as uv names it, such as `aarch64-manylinux_2_28`."""

LOCKED_PACKAGES = locked_packages.VARIABLE
"""Set by a run for its steps: the packages of @pypi are installed, and Metaflow need not do anything about them."""

RETRY_DELAY = "METAFLOW_PREFECT_RETRY_DELAY"
"""Set by the user: the longest time in seconds before a step is tried again."""

LOCAL_SERVER = "METAFLOW_PREFECT_LOCAL_SERVER"
"""Set by the user: which server a run uses where no PREFECT_API_URL is configured, `shared` or `embedded`."""

LOCAL_SERVER_IDLE_SECONDS = "METAFLOW_PREFECT_LOCAL_SERVER_IDLE_SECONDS"
"""Set by the user: how long the local server stays when no run uses it."""

LAUNCHER = "METAFLOW_PREFECT_LAUNCHER"
"""Set by the user: `off`, and each run on the local server imports Metaflow and Prefect itself."""

COMMAND_PREFIX = "METAFLOW_PREFECT_RUN"
"""Set by the user: with `_OPTION` appended, the value of an option of a generated file's command."""

DEPLOYMENT = "METAFLOW_PREFECT_DEPLOYMENT"
"""Set by the deployment: its full name. Only runs of deployments have it."""

LOCAL_FOLDER = "METAFLOW_PREFECT_LOCAL_FOLDER"
"""Set by the deployment, for runs on the machine that deployed: where Metaflow's commands find cards there."""

SERVICE_URL = "METAFLOW_PREFECT_SERVICE_URL"
"""Set by the deployment where its containers reach Metaflow's metadata service by another address: the one for clients."""

CONTAINER_CPU = "METAFLOW_PREFECT_CONTAINER_CPU"
"""Set by the deployment of a flow with @resources: the vCPUs that tasks running at the same time may ask for together."""

CONTAINER_MEMORY = "METAFLOW_PREFECT_CONTAINER_MEMORY"
"""Set by the deployment of a flow with @resources: the memory in MB that such tasks may ask for together."""

CONTAINER_REQUEST = "METAFLOW_PREFECT_CONTAINER_REQUEST"
"""Set by the deployment of a flow with @resources: the largest request of each kind, such as `cpu=4, memory=16000`."""

CONTAINER_PLAN = "METAFLOW_PREFECT_CONTAINER_PLAN"
"""Set by the deployment where it knows them: the plan of its containers, from which commands compute what a run cost."""

CONTAINER_PRICE = "METAFLOW_PREFECT_CONTAINER_DOLLARS_PER_HOUR"
"""Set by the deployment beside the plan: its price."""

STEP_CONTAINERS = "METAFLOW_PREFECT_STEP_CONTAINERS"
"""Set by the deployment of a flow with @northflank: where the containers of each such step come from, as JSON."""

ORIGIN_RUN_ID = "METAFLOW_PREFECT_ORIGIN_RUN_ID"
"""Set by `resume --deployed`: the Metaflow run whose successful tasks the run takes over."""

STEP_TO_RERUN = "METAFLOW_PREFECT_STEP_TO_RERUN"
"""Set by `resume --deployed`: the step that is executed again although it succeeded."""

HAS_NEW_VALUES = "METAFLOW_PREFECT_HAS_NEW_VALUES"
"""Set by `resume --deployed` where a parameter has another value than it had in the resumed run."""

SCHEDULED_TIME = "METAFLOW_PREFECT_SCHEDULED_TIME"
"""Set by a scheduled run for its steps: when it was due, in ISO 8601 with its offset from UTC."""

TRIGGERED_BY = current_trigger.VARIABLE
"""Set by a run for its steps: the events that started it, for `current.trigger`."""

NEW_VALUES = new_parameter_values.VARIABLE
"""Set by a resumed run for its steps, where a parameter has a new value: the task that holds the values."""
