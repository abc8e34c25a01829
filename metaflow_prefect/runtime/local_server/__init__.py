"""The Prefect server of a machine where none is configured: started on demand, shared, ended when idle."""

from metaflow_prefect.runtime.local_server.client import (
    Status,
    status,
    stop,
    using,
)
from metaflow_prefect.runtime.local_server.place import MODE_VARIABLE, Mode

__all__ = ["MODE_VARIABLE", "Mode", "Status", "status", "stop", "using"]
