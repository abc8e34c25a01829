"""The commands `create`, `run` and `resume`, which need no deployment."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaflow import parameters
from metaflow._vendor import click

from metaflow_prefect.cli.connected import deployment_of
from metaflow_prefect.cli.group import command, prefect
from metaflow_prefect.cli.options import (
    COMPILE_OPTIONS,
    JSON,
    NAME,
    RUN_ID_FILE,
    ResumeCommand,
    WithMetaflowVariables,
    carried,
    compile_request,
    given,
    named,
    show,
)
from metaflow_prefect.errors import RunRefused
from metaflow_prefect.names import option_key
from metaflow_prefect.runtime.local import typed_command
from metaflow_prefect.runtime.local.local_options import LocalOptions
from metaflow_prefect.runtime.local.output_files import write as write_output
from metaflow_prefect.runtime.steps import step_options

if TYPE_CHECKING:
    from metaflow_prefect.deploy.runs.runs import RunRecord

STEP_OPTIONS = tuple(
    click.option(name, **keywords) for name, keywords in step_options.declarations()
)
"""The options of every command that executes steps in this process."""


@command(
    prefect,
    click.argument("output", type=click.Path(dir_okay=False)),
    click.option(
        "--standalone",
        is_flag=True,
        help="Append the runtime and the flow's code, so that the file needs only Prefect and Metaflow.",
    ),
    click.option(
        "--force", is_flag=True, help="Overwrite a file that was generated from another flow."
    ),
    JSON,
    *COMPILE_OPTIONS,
)
def create(
    obj: Any, output: str, standalone: bool, force: bool, is_json: bool, **options: Any
) -> None:
    """Write the flow as a Prefect flow file."""
    from metaflow_prefect.compiler import write

    flow = write(
        obj, Path(output), compile_request(options), is_standalone=standalone, may_overwrite=force
    )
    required = [parameter.name for parameter in flow.parameters if parameter.required]
    command = shlex.join(("python", output, *typed_command.values(required)))
    text = f"{flow.name} is compiled to {output}. Run it with:\n    {command}"
    show({"flow": flow.name, "file": output}, text, is_json=is_json)


@parameters.add_custom_parameters(deploy_mode=True)  # type: ignore[untyped-decorator]  # Metaflow's click has no types
@command(
    prefect,
    RUN_ID_FILE,
    JSON,
    *STEP_OPTIONS,
    *COMPILE_OPTIONS,
    cls=WithMetaflowVariables,
)
def run(obj: Any, run_id_file: str | None, is_json: bool, **options: Any) -> None:
    """Compile the flow and run it in this process."""
    from metaflow_prefect.compiler import run_now
    from metaflow_prefect.launcher.forked import set_prefects_logging_up
    from metaflow_prefect.runtime.progress.run_result import conclude

    set_prefects_logging_up()
    keywords = {name: options.pop(key) for key, name in _parameter_keys(obj.flow).items()}
    local = LocalOptions(run_id_file=run_id_file, step_options=step_options.typed_options())
    result = run_now(obj, keywords, compile_request(options), local=local)
    _start_launcher()
    conclude(result, is_json=is_json, fix=_how_to_go_on())


@parameters.add_custom_parameters(deploy_mode=False)  # type: ignore[untyped-decorator]  # Metaflow's click has no types
@command(
    prefect,
    click.argument("step-to-rerun", required=False),
    click.option(
        "--origin-run-id", help="The run to resume. Default: the latest run on this machine."
    ),
    click.option(
        "--deployed",
        is_flag=True,
        help="Resume a deployed run as a new run of its deployment, on its work pool, with the deployed code. "
        "--tag, --with, --max-workers, --workflow-timeout and --step-executor then have no effect.",
    ),
    NAME,
    JSON,
    RUN_ID_FILE,
    *STEP_OPTIONS,
    *COMPILE_OPTIONS,
    cls=ResumeCommand,
    passes=click.pass_context,
)
def resume(
    context: Any,
    step_to_rerun: str | None,
    origin_run_id: str | None,
    run_id_file: str | None,
    **options: Any,
) -> None:
    """Resume an earlier run from where it failed.

    Tasks that the earlier run finished are not executed again. It may also be a run of Metaflow's own `run`.
    Parameters keep their values; a new value applies to the tasks that are executed again.
    """
    from metaflow_prefect.compiler import resume_now
    from metaflow_prefect.launcher.forked import set_prefects_logging_up
    from metaflow_prefect.runtime.progress.run_result import conclude

    set_prefects_logging_up()
    obj, values = context.obj, given(context, options)
    if options["deployed"]:
        values = carried(context, values)
    keys = _parameter_keys(obj.flow)
    new = {keys[key]: value for key, value in values.items() if key in keys}
    if options["deployed"]:
        run = _resumed_on_its_pool(obj, options["name"], origin_run_id, step_to_rerun, new)
        if run_id_file is not None:
            write_output(Path(run_id_file), run.run_id)
        text = f"{origin_run_id} is resumed as {run.run_id} ({run.name})."
        show(run.summary(), text, is_json=options["is_json"])
        return
    rerun = frozenset({step_to_rerun} if step_to_rerun else ())
    local = LocalOptions(run_id_file=run_id_file, step_options=step_options.typed_options())
    result = resume_now(obj, origin_run_id, rerun, new, compile_request(options), local)
    _start_launcher()
    conclude(result, is_json=options["is_json"], fix=_how_to_go_on())


def _how_to_go_on() -> str:
    command = typed_command.typed("resume")
    return (
        f"correct the cause, then `{command}` continues from there; finished tasks are not repeated"
    )


def _resumed_on_its_pool(
    obj: Any,
    name: str | None,
    origin_run_id: str | None,
    step_to_rerun: str | None,
    values: dict[str, Any],
) -> RunRecord:
    from metaflow_prefect.deploy.runs import trigger

    if origin_run_id is None:
        raise RunRefused(
            "--deployed needs the run to resume; nothing was started.",
            fix=f"name it with --origin-run-id; `{typed_command.typed('list-runs', *named(name))}` lists them",
        )
    if step_to_rerun is not None and step_to_rerun not in obj.graph:
        raise RunRefused(
            f"The flow has no step {step_to_rerun!r}; nothing was started.",
            fix=f"use one of: {', '.join(node.name for node in obj.graph)}",
        )
    with deployment_of(obj, name) as on:
        return trigger.resume(on.client, on.deployment, origin_run_id, step_to_rerun, values)


def _start_launcher() -> None:
    """Let the next run on the local server begin in a process that has imported Metaflow and Prefect."""
    from metaflow_prefect.launcher.handover import start_for_the_next
    from metaflow_prefect.runtime.servers.connection import is_on_local_server, prefect_home
    from metaflow_prefect.runtime.servers.local_server_files import ServerFiles

    if is_on_local_server():
        start_for_the_next(ServerFiles.below(prefect_home()).folder)


def _parameter_keys(flow: Any) -> dict[str, str]:
    """Return click's key of each parameter, with the parameter's name."""
    return {
        option_key(parameter.name): parameter.name
        for _, parameter in flow._get_parameters()  # noqa: SLF001  as Metaflow's own deployers do
        if not parameter.IS_CONFIG_PARAMETER
    }
