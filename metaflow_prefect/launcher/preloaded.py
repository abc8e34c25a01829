"""What the launcher has imported before it forks: all that runs on the local server import, except the flow."""

from __future__ import annotations

import importlib

_IMPORTED = (
    "metaflow.cli",
    "metaflow.plugins.cards.card_cli",
    "metaflow.plugins.kubernetes.kubernetes_cli",
    "metaflow_prefect.analysis.early_refusals",
    "metaflow_prefect.compiler",
    "metaflow_prefect.deploy.runs.runs",
    "metaflow_prefect.deploy.plan.options",
    "metaflow_prefect.runtime.local.main",
    "metaflow_prefect.runtime.local.run",
    "metaflow_prefect.runtime.local.typed_command",
    "metaflow_prefect.runtime.run.engine",
    "metaflow_prefect.templates",
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.main",
    "prefect.task_engine",
    "prefect.task_runners",
    "prefect.utilities.visualization",
    "anyio._backends._asyncio",
)
"""The others are imported by these. By name, because the layers of the compiler are above this package.

Not the commands with `add_custom_parameters`, Metaflow's or ours: when they are imported, they take the parameters of
the flow that has been imported before.
"""


def import_what_runs_import() -> None:
    """Import it."""
    for name in _IMPORTED:
        importlib.import_module(name)
