"""What the decorator does in the step's process in the container: metadata, and its log while it runs."""

from __future__ import annotations

import json
import os
from typing import Any

from metaflow_northflank.container.variables import DESCRIPTION


def is_in_container() -> bool:
    """Return whether this process runs in a container that `run` has started."""
    return DESCRIPTION in os.environ


class TaskInContainer:
    """The hooks of one task."""

    def __init__(self, metadata: Any) -> None:
        self._metadata = metadata
        self._logs: Any = None

    def begin(self, run_id: str, step_name: str, task_id: str, attempt: int) -> None:
        """Register what the container is, and save the log from now on."""
        from metaflow.metadata_provider import MetaDatum
        from metaflow.sidecar import Sidecar

        description: dict[str, str] = json.loads(os.environ[DESCRIPTION])
        description["container"] = os.environ.get("HOSTNAME", "")
        entries = [
            MetaDatum(
                field=f"northflank-{name}",
                value=value,
                type=f"northflank-{name}",
                tags=[f"attempt_id:{attempt}"],
            )
            for name, value in description.items()
            if value
        ]
        self._metadata.register_metadata(run_id, step_name, task_id, entries)
        self._logs = Sidecar("save_logs_periodically")
        self._logs.start()

    def end(self) -> None:
        """Stop saving the log; the container saves it once more at its end."""
        if self._logs is not None:
            self._logs.terminate()
