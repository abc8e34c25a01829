"""Prefect worker that runs flow runs as Northflank jobs."""

from prefect_northflank.decorators import northflank
from prefect_northflank.job.configuration import NorthflankJobConfiguration
from prefect_northflank.job.credentials import Northflank, NorthflankCredentials
from prefect_northflank.job.variables import NorthflankWorkerVariables
from prefect_northflank.worker import NorthflankWorker, NorthflankWorkerResult

__all__ = [
    "Northflank",
    "NorthflankCredentials",
    "NorthflankJobConfiguration",
    "NorthflankWorker",
    "NorthflankWorkerResult",
    "NorthflankWorkerVariables",
    "northflank",
]
