"""The code with which a run of a deployment began: the run keeps it, also when new code is deployed.

A flow run that is executed again (suspended, evicted, its container lost) gets the code of its
deployment as it is then. So each run leaves its generated file, which carries the flow's code, in the
datastore, where files with the same content are one.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from metaflow_prefect.runtime.flow import generated_file
from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.store.datastore import RunDatastore


def of_run(
    context: Any,
    run_id: str,
    program: Program,
    steps: tuple[Step, ...],
    say: Callable[[str], None],
) -> tuple[Program, tuple[Step, ...]]:
    """Return the program and the steps of the code that the run began with; pin these if the run is new.

    *context* is that of Prefect's flow run. Only runs of deployments of standalone files can be
    executed again with other code.

    Raises:
        StaleGeneratedFile: that code was made for another runtime.
    """
    if context.flow_run.deployment_id is None or not program.is_standalone:
        return program, steps
    datastore = RunDatastore.of(program, run_id)
    file = Path(inspect.getfile(context.flow.fn))
    present, pointer = file.read_bytes(), f"code/{run_id}"
    key = datastore.read(pointer)
    if key is None:
        ((_, new_key),) = datastore.of_flow().save_data([present], len_hint=1)
        datastore.write(pointer, str(new_key).encode())
        return program, steps
    ((_, first),) = datastore.of_flow().load_data([key.decode()])
    if first == present:
        return program, steps
    say("The flow was deployed again since this run began: it goes on with the code it began with.")
    module = _load(first, file.name)
    return module.PROGRAM, module.STEPS


def _load(content: bytes, name: str) -> ModuleType:
    """Import a generated file, which unpacks what it carries."""
    with tempfile.TemporaryDirectory(prefix="metaflow-prefect-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return generated_file.load(path)
