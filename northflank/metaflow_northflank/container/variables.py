"""The variables that a container gets from the process of its task."""

from __future__ import annotations

STEP_SCRIPT = "METAFLOW_NORTHFLANK_STEP"
"""The path of the shell script that executes the step."""

DESCRIPTION = "METAFLOW_NORTHFLANK_CONTAINER"
"""JSON: what the container is, for the task's metadata. Its presence says that this is such a container."""
