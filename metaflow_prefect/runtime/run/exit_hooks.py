"""@exit_hook as hooks of a Prefect flow: its functions run when a flow run has ended, whatever the result.

Prefect decides whether a run has ended. A run that is suspended or moved to another machine has not;
one whose process was killed has: the process that started it sees that.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from metaflow_prefect import names
from metaflow_prefect.errors import InitFailed
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.run import deployment_inputs, pinned_code
from metaflow_prefect.runtime.steps import commands, project_interpreter, working_directory
from metaflow_prefect.runtime.store import captured_environment
from metaflow_prefect.runtime.store.datastore import RunDatastore

_SCRIPT = "metaflow.plugins.exit_hook.exit_hook_script"

_Hook = Callable[[Any, Any, Any], None]


def exit_hooks(program: Program) -> dict[str, list[_Hook]]:
    """Return the hooks of the Prefect flow made from *program*, as keywords of `@flow`."""
    hooks: dict[str, list[_Hook]] = {}
    if program.on_success:
        hooks["on_completion"] = [_hook(program, is_successful=True)]
    if program.on_error:
        for ending in ("on_failure", "on_crashed", "on_cancellation"):
            hooks[ending] = [_hook(program, is_successful=False)]
    return hooks


def _hook(program: Program, *, is_successful: bool) -> _Hook:
    def exit_hook(flow: Any, flow_run: Any, state: Any) -> None:  # noqa: ARG001  Prefect passes it by name
        from prefect.logging.loggers import flow_run_logger

        logger = flow_run_logger(flow_run, flow)
        begun = _begun_with(program, flow, flow_run)
        if begun is not None:
            _run(begun, flow_run, logger, is_successful=is_successful)

    return exit_hook


def _begun_with(program: Program, flow: Any, flow_run: Any) -> Program | None:
    """Return the program that the run began with, or None if Metaflow knows no such run."""
    run_id = names.run_id(flow_run.id)
    if not RunDatastore.of(program, run_id).begun():
        return None
    context = SimpleNamespace(flow=flow, flow_run=flow_run)
    first, _ = pinned_code.of_run(context, run_id, program, (), lambda _text: None)
    return first


def _run(program: Program, flow_run: Any, logger: Any, *, is_successful: bool) -> None:
    """Run the functions as Metaflow's runtime does; log a failure as an error, and never raise it."""
    run_id = names.run_id(flow_run.id)
    working_directory.link_local_folder(program, os.environ)
    variables = _variables(program, flow_run)
    try:
        # The run has made it; the hook may run in another process, on another machine.
        python = project_interpreter.of(program, variables, logger.info)
    except InitFailed as failed:
        logger.error("%s", f"[exit_hook] No hook could run: {failed}")  # noqa: TRY400  its message says all
        return
    environment = commands.run_environment(program, variables, run_id=run_id, python=python)
    for function in program.on_success if is_successful else program.on_error:
        words = [python, "-m", _SCRIPT, str(program.flow_file), function]
        ended = subprocess.run(
            [*words, f"{program.flow}/{run_id}"],
            cwd=program.working_directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        show = logger.info if ended.returncode == 0 else logger.error
        if ended.stdout.strip():
            show("%s", ended.stdout.strip())
        if ended.returncode != 0:
            show("%s", f"[exit_hook] Hook {function!r} failed with exit code {ended.returncode}")


def _variables(program: Program, flow_run: Any) -> Mapping[str, str]:
    """Return the variables of the run's steps, because the flow's file is imported for its functions.

    Metaflow imports it as a module. The modules beside the flow, which `python flow.py` finds by itself,
    must be on Python's search path.
    """
    taken = (
        captured_environment.read(flow_run.deployment_id)
        if flow_run.deployment_id
        else captured_environment.NOTHING_CAPTURED
    )
    given = {**taken.variables, **os.environ, **deployment_inputs.schedule(flow_run)}
    beside = str(program.flow_file.resolve().parent)
    given["PYTHONPATH"] = os.pathsep.join(filter(None, (beside, given.get("PYTHONPATH"))))
    return given
