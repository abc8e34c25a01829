"""Let the tasks of a resumed run see the new values of its parameters.

Metaflow hands parameters on from task to task, and a task that was taken over from another run has that
run's. So a task of such a run begins with `python flow_command.py new_parameter_values FLOW_FILE WORD…`.
It imports nothing of this package: it is loaded by path, where the package may not be importable.
"""

from __future__ import annotations

import os
from typing import Any

VARIABLE = "METAFLOW_PREFECT_NEW_VALUES"
"""The id of the run's `_parameters` task, whose values are used; not set where no parameter has a new value."""


def at_command_line() -> None:
    """Have Metaflow take the parameters from this run's `_parameters` task instead of the inputs of the task."""
    task_id = os.environ.get(VARIABLE)
    if not task_id:
        return
    from metaflow.task import MetaflowTask

    original = MetaflowTask._init_data  # noqa: SLF001  there is no hook before parameters are read

    def with_new_values(self: Any, run_id: str, *args: Any, **kwargs: Any) -> Any:
        inputs = original(self, run_id, *args, **kwargs)
        own = self.flow_datastore.get_task_datastore(run_id, "_parameters", task_id)
        names = [
            name
            for name, parameter in self.flow._get_parameters()  # noqa: SLF001  as Metaflow's own plugins do
            if not parameter.IS_CONFIG_PARAMETER
        ]
        for item in inputs:
            _replace(item, own, names)
        return inputs

    MetaflowTask._init_data = with_new_values  # noqa: SLF001  as above


def _replace(item: Any, own: Any, names: list[str]) -> None:
    """Replace the artifacts *names* of the task *item* by those of the task *own*, in memory."""
    for name in names:
        if name in own:
            item._objects[name] = own._objects[name]  # noqa: SLF001  as `TaskDataStore.passdown_partial` does
            item._info[name] = own._info[name]  # noqa: SLF001  as above
