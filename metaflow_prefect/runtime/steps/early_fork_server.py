"""Starts the fork server of a run before the run has an id: while Prefect begins the run, it imports the flow."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from metaflow_prefect.errors import MetaflowPrefectError
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.steps import commands, executor_choice
from metaflow_prefect.runtime.steps.executor_option import Choice
from metaflow_prefect.runtime.steps.fork_server import ForkKey, ForkServer
from metaflow_prefect.runtime.store.datastore import RunDatastore

_NO_RUN = ""


@contextmanager
def started(program: Program) -> Iterator[ForkServer | None]:
    """Have the fork server for *program* start now, if one will be wanted; it ends with the block.

    What is wrong with the program or with a setting is said by the run itself.
    """
    server = None
    with suppress(MetaflowPrefectError):
        server = _server(program)
    try:
        yield server
    finally:
        if server is not None:
            server.stop()


def _server(program: Program) -> ForkServer | None:
    how = Choice.of(os.environ)
    is_forked = how is not Choice.FRESH and not executor_choice.why_never(
        sys.platform, program.environment
    )
    # A configuration is written to a file of the run's own, which is one of the server's options.
    if not is_forked or program.config is not None:
        return None
    datastore = RunDatastore(program.flow, _NO_RUN, program.datastore, program.datastore_root)
    context = commands.RunContext(
        program=program,
        python=sys.executable,
        flow_file=program.script,
        run_id=_NO_RUN,
        datastore_root=datastore.root,
    )
    environment = commands.environment(os.environ, python=context.python, run_id=_NO_RUN)
    command = commands.process(context, commands.top_level(context), environment)
    return ForkServer(ForkKey.of(command).before_the_run(), how.value)
