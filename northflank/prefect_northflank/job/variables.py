"""The job variables of a `northflank` work pool: names and defaults, as users write them."""

from __future__ import annotations

from prefect.workers.base import BaseVariables
from pydantic import Field

from prefect_northflank.job import variable_rules
from prefect_northflank.job.credentials import Northflank
from prefect_northflank.job.settings import JobSettings


class NorthflankVariables(JobSettings):
    """The settings of a job, and the credentials to create it."""

    credentials: Northflank | None = Field(
        default=None,
        description="Northflank block. Empty: NORTHFLANK_API_TOKEN of the worker's environment.",
    )


class NorthflankWorkerVariables(NorthflankVariables, BaseVariables):
    """All variables of a `northflank` work pool."""

    command: str | None = Field(
        default=None,
        description=BaseVariables.model_fields["command"].description,
        json_schema_extra=variable_rules.COMMAND,
    )
