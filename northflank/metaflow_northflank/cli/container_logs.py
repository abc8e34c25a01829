"""`northflank logs`: what the container of a task has written, as Northflank has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect_northflank.api.responses import LogLine

from metaflow_northflank.cli.place import place, refusal, with_problem, wrong_settings
from metaflow_northflank.errors import NorthflankFailed

_PARTS = 3
_HOW_TO_NAME_ONE = "Fix: write RUN/STEP/TASK, as the run shows it."


def show_logs(obj: Any, pathspec: str, lines: int) -> None:
    """Show the last *lines* of the container of RUN/STEP/TASK.

    Raises:
        NorthflankFailed: there is no such task, it had no container, or Northflank has no log of it any more.
    """
    try:
        job, run = _job_run(obj, pathspec)
    except NorthflankFailed as error:
        # The settings may be wrong, too: everything is refused at once.
        raise refusal([error.message, *wrong_settings()]) from None
    where = place()

    async def read() -> Sequence[LogLine]:
        async with where.client(obj.echo_always) as client:
            return await client.log_lines(where.project, job, run, last=lines)

    for line in with_problem(read()):
        obj.echo_always(line.text, err=False, highlight=None)


def _job_run(obj: Any, pathspec: str) -> tuple[str, str]:
    """Return job and job run of the task's last attempt.

    Raises:
        NorthflankFailed: there is no such task, or it had no container.
    """
    from metaflow import Task, namespace
    from metaflow.exception import MetaflowNotFound

    flow, parts = obj.flow.name, pathspec.strip("/").split("/")
    if len(parts) == _PARTS + 1 and parts[0] == flow:
        parts = parts[1:]
    if len(parts) != _PARTS:
        raise NorthflankFailed(f"{pathspec} names no task of {flow}. {_HOW_TO_NAME_ONE}")
    namespace(None)
    try:
        known = Task("/".join([flow, *parts])).metadata_dict
    except MetaflowNotFound:
        raise NorthflankFailed(f"{flow} has no task {pathspec}. {_HOW_TO_NAME_ONE}") from None
    if "northflank-run" not in known:
        raise NorthflankFailed(f"The task {pathspec} has not run on Northflank.")
    return known["northflank-job"], known["northflank-run"]
