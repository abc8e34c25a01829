"""What the decorator does in the step's process in the container: metadata, logs while it runs, local metadata home."""

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

    def __init__(self, task_datastore: Any, metadata: Any) -> None:
        self._task_datastore = task_datastore
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
        """Put local metadata where the run can fetch it; the log is saved once more at the container's end."""
        if self._metadata.TYPE == "local":
            from metaflow.metadata_provider.util import sync_local_metadata_to_datastore
            from metaflow.metaflow_config import DATASTORE_LOCAL_DIR

            sync_local_metadata_to_datastore(DATASTORE_LOCAL_DIR, self._task_datastore)
        if self._logs is not None:
            self._logs.terminate()
