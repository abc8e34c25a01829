"""`northflank logs`: what the container of a task has written, as Northflank has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import LogLine

from metaflow_northflank.cli.administration import place, with_problem
from metaflow_northflank.errors import NorthflankFailed

_PARTS = 3


def show_logs(obj: Any, pathspec: str, lines: int) -> None:
    """Show the last *lines* of the container of RUN/STEP/TASK.

    Raises:
        NorthflankFailed: there is no such task, it had no container, or Northflank has no log of it any more.
    """
    job, run = _job_run(obj, pathspec)
    access, project = place()

    async def read() -> Sequence[LogLine]:
        async with NorthflankClient(access) as client:
            return await client.log_lines(project, job, run, last=lines)

    for line in with_problem(read()):
        obj.echo_always(line.text, err=False, highlight=None)


def _job_run(obj: Any, pathspec: str) -> tuple[str, str]:
    from metaflow import Task, namespace
    from metaflow.exception import MetaflowException

    parts = pathspec.split("/")
    if len(parts) == _PARTS + 1:
        parts = parts[1:]
    if len(parts) != _PARTS:
        raise NorthflankFailed(f"{pathspec} names no task.", fix="write RUN/STEP/TASK")
    namespace(None)
    try:
        known = Task("/".join([obj.flow.name, *parts])).metadata_dict
    except MetaflowException as error:
        raise NorthflankFailed(f"There is no task {pathspec}: {error}") from None
    if "northflank-run" not in known:
        raise NorthflankFailed(f"The task {pathspec} has not run on Northflank.")
    return known["northflank-job"], known["northflank-run"]
