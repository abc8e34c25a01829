"""Prefect worker that runs flow runs as Northflank jobs.

Loaded name by name, because what runs Northflank jobs without Prefect must not import Prefect. Prefect itself finds the
worker and the block through the entry point `prefect.collections`, which names `prefect_northflank.worker`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_MODULES = {
    "Northflank": "job.credentials",
    "NorthflankCredentials": "job.credentials",
    "NorthflankJobConfiguration": "job.configuration",
    "NorthflankWorker": "worker",
    "NorthflankWorkerResult": "worker",
    "NorthflankWorkerVariables": "job.variables",
    "northflank": "decorators",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    # `prefect block register -m prefect_northflank` looks for blocks among these.
    return sorted({*globals(), *__all__})
