"""What a container used, as labels of its flow run: for one that was killed, and could not say so itself.

`metaflow_prefect.runtime.progress.usage` writes the same labels in the container, and commands read them.
"""

from __future__ import annotations

from prefect_northflank.api.plans import Plan
from prefect_northflank.api.responses import ContainerMetrics

MEMORY = "container.memory_mb"
MEMORY_OF = "container.memory_of"
MEMORY_LIMIT = "container.memory_limit_mb"
CPU = "container.cpu_seconds"


def labels_of(metrics: ContainerMetrics, plan: Plan) -> dict[str, str | float]:
    """Return what Northflank has measured in a container of *plan*; empty if it has measured nothing."""
    found: dict[str, str | float] = {}
    if metrics.memory_mb is not None:
        found = {MEMORY: round(metrics.memory_mb, 3), MEMORY_OF: "container"}
    if metrics.cpu_seconds is not None:
        found[CPU] = round(metrics.cpu_seconds, 3)
    return found if not found or plan.memory is None else {**found, MEMORY_LIMIT: plan.memory}
