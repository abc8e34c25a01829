"""Starts a run's fork server before the run has an id: it imports the flow while Prefect begins the run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from metaflow_prefect.errors import MetaflowPrefectError
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.steps import commands, executor_choice
from metaflow_prefect.runtime.steps.fork_server_client import ForkKey, ForkServer
from metaflow_prefect.runtime.steps.step_settings import ExecutorKind
from metaflow_prefect.runtime.store.datastore import RunDatastore

_NO_RUN = ""


@contextmanager
def started(program: Program, environment: Mapping[str, str]) -> Iterator[ForkServer | None]:
    """Start the fork server for *program* now, if the run will want one; it ends with the block.

    *environment* is the one that the run will have. The run itself reports what is wrong with the program or a setting.
    """
    server = None
    with suppress(MetaflowPrefectError):
        server = _server(program, environment)
    try:
        yield server
    finally:
        if server is not None:
            server.stop()


def _server(program: Program, environment: Mapping[str, str]) -> ForkServer | None:
    kind = ExecutorKind.of(environment)
    is_forked = kind is not ExecutorKind.FRESH and not executor_choice.why_never(
        sys.platform, program.interpreters_of
    )
    # A configuration is written to a file of the run's own, which is one of the server's options; and the packages of
    # a uv project may have to be installed first.
    if not is_forked or program.config is not None or program.project is not None:
        return None
    root = RunDatastore.of(program, _NO_RUN).root
    context = commands.RunContext.of(program, _NO_RUN, root)
    environment = commands.run_environment(program, environment, run_id=_NO_RUN)
    key = ForkKey.of(context, environment)
    return ForkServer(key.without_run_id(), kind.value)
