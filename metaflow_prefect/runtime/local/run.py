"""Runs a generated flow in this process, and shows its progress."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from metaflow_prefect import names
from metaflow_prefect.errors import MetaflowPrefectError
from metaflow_prefect.runtime.flow.generated_file import program_of
from metaflow_prefect.runtime.local.local_options import LocalOptions
from metaflow_prefect.runtime.local.output_files import write as write_output
from metaflow_prefect.runtime.progress.current_progress import CurrentProgress
from metaflow_prefect.runtime.progress.run_result import RunResult, status
from metaflow_prefect.runtime.progress.terminal import (
    TerminalProgress,
    is_wanted,
    prefect_log_above,
)
from metaflow_prefect.runtime.run.launch_options import OPTIONS, LaunchOptions
from metaflow_prefect.runtime.servers import local_server
from metaflow_prefect.runtime.servers.connection import is_embedded, prefect_home, say, server
from metaflow_prefect.runtime.steps import early_fork_server
from metaflow_prefect.runtime.store.resume_origin import ResumeOrigin

_HOW_TO_SEE_IT = "to see its page, afterwards: prefect server start"


def run_locally(
    flow: Any,
    keywords: Mapping[str, object],
    *,
    tags: tuple[str, ...] = (),
    labels: tuple[str, ...] = (),
    local: LocalOptions,
    origin: ResumeOrigin | None = None,
) -> RunResult:
    """Run *flow* to its end in this process, and return how it ended.

    *tags* go on the Metaflow run and on Prefect's, *labels* on Prefect's only. With *origin*, the successful
    tasks of that run are taken over instead of being executed.

    Raises:
        ServerRefused: a server is configured but does not answer, or the local server does not start.
    """
    current = CurrentProgress()
    terminal = TerminalProgress(lambda: current.value, waiting=f"{flow.name} is about to begin")
    beginning = _Beginning(local.run_id_file, terminal, (*labels, *tags))
    # Prefect is imported by now, and stays: the garbage collector need not visit it again and again.
    gc.freeze()
    environment = {**os.environ, **local.step_options}
    with early_fork_server.started(program_of(flow), environment) as fork_server:
        options = LaunchOptions(
            tags=tags,
            origin=origin,
            on_begin=beginning.note,
            progress=current,
            step_options=local.step_options,
            early_fork_server=fork_server,
        )
        token = OPTIONS.set(options)
        try:
            with _prefect(), _watched(terminal):
                state = flow(**keywords, return_state=True)
        finally:
            OPTIONS.reset(token)
    # The process is about to end: Python's last collections need not visit any of it.
    gc.freeze()
    return RunResult(
        flow=flow.name if current.value is None else current.value.flow,
        flow_run_id=str(state.state_details.flow_run_id),
        status=status(state.type.value, state.name),
        state=state.name,
        message=state.message or "",
        name=beginning.name,
        url=beginning.url,
        progress=current.value,
    )


def with_workers(flow: Any, number: int | None) -> Any:
    """Return the flow with at most *number* of its tasks at the same time; as it is, if None."""
    if number is None:
        return flow
    from prefect.task_runners import ThreadPoolTaskRunner

    runner: Any = ThreadPoolTaskRunner(max_workers=number)
    return flow.with_options(task_runner=runner)


@contextmanager
def _watched(terminal: TerminalProgress) -> Iterator[None]:
    """Show the run's progress in a terminal; elsewhere leave Prefect's lines as they are."""
    if not is_wanted():
        yield
        return
    with terminal.shown(), prefect_log_above(terminal):
        yield


class _Beginning:
    """What happens when the flow run begins; its name and its address in the UI are None until then."""

    def __init__(
        self, run_id_file: str | None, terminal: TerminalProgress, tags: tuple[str, ...]
    ) -> None:
        self.name: str | None = None
        self.url: str | None = None
        self._run_id_file = run_id_file
        self._terminal = terminal
        self._tags = tags

    def note(self, flow: str, run_id: str) -> None:
        """Tag the run, and note its id for the user and for later commands; called in the flow's own thread."""
        from prefect.context import FlowRunContext

        context = FlowRunContext.get()
        if context is not None and context.flow_run is not None:
            self.name = context.flow_run.name
        _tag(run_id, self._tags)
        self.url = _page(run_id)
        self._terminal.link = self.url or _HOW_TO_SEE_IT
        if self._run_id_file is not None:
            write_output(Path(self._run_id_file), run_id)
        _remember_latest(flow, run_id)


def _tag(run_id: str, tags: tuple[str, ...]) -> None:
    """Tag the flow run as a deployment's are.

    Not with `prefect.tags`: that tags each task too, and asks the server about limits each time.
    """
    from metaflow.util import get_username
    from prefect.client.orchestration import get_client

    wanted = dict.fromkeys(("metaflow", f"user:{get_username()}", *tags))
    with get_client(sync_client=True) as client:
        client.update_flow_run(_flow_run_id(run_id), tags=list(wanted))


def _page(run_id: str) -> str | None:
    """Return the run's address in Prefect's UI; None if the server ends with the run."""
    from prefect.utilities.urls import url_for

    return None if is_embedded() else url_for("flow-run", obj_id=_flow_run_id(run_id))


def _flow_run_id(run_id: str) -> UUID:
    return UUID(run_id.removeprefix(names.run_id("")))


def _remember_latest(flow: str, run_id: str) -> None:
    """Note the run where Metaflow's own commands look for the latest one (`resume`, `logs`)."""
    from types import SimpleNamespace

    from metaflow.util import write_latest_run_id

    stand_in = SimpleNamespace(flow=SimpleNamespace(name=flow), echo=lambda *_, **__: None)
    write_latest_run_id(stand_in, run_id)


def begin_to_start_a_server() -> None:
    """Start the local server in the background, if the run will use it, while the caller compiles the flow."""
    if not is_embedded() or local_server.Mode.of(os.environ) is not local_server.Mode.SHARED:
        return
    home = prefect_home()

    def start() -> None:
        # An error is raised in the run itself, which asks for the server again.
        with suppress(MetaflowPrefectError), local_server.using(home, os.environ, say):
            pass

    threading.Thread(target=start, daemon=True).start()


@contextmanager
def _prefect() -> Iterator[None]:
    """Provide a server, and the settings for a run that this process watches itself."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    # The heartbeat thread makes every sync flow take at least a whole second, and no server needs
    # the heartbeat of a run that ends with this process.
    with server(os.environ), temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
