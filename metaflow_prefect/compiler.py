"""Compile a flow to a file, or compile and run it at once."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaflow_prefect import ir
from metaflow_prefect.analysis import Analysis, CompileRequest, examine, interpreters
from metaflow_prefect.analysis.code import GENERATED_MARK, code_files, own_paths
from metaflow_prefect.analysis.early_refusals import silence
from metaflow_prefect.errors import InitFailed, OutputRefused
from metaflow_prefect.render import argument_names, entrypoint_name, render, render_standalone
from metaflow_prefect.runtime.flow import generated_file
from metaflow_prefect.runtime.flow.parameter_values import joined, json_value
from metaflow_prefect.runtime.local.local_options import LocalOptions
from metaflow_prefect.runtime.local.output_files import check as check_output
from metaflow_prefect.runtime.local.output_files import write as write_output
from metaflow_prefect.runtime.packages.interpreters import here

if TYPE_CHECKING:
    from metaflow_prefect.runtime.progress.run_result import RunResult
    from metaflow_prefect.runtime.store.resume_origin import ResumeOrigin

_LONGEST_HEADER = 1000
"""Bytes within which the first line of a generated file ends, whatever the flow is called."""


def check_schedule(schedule: ir.Schedule) -> None:
    """Make sure that Prefect knows the schedule, without its server.

    Raises:
        ValueError: it does not.
    """
    # Loaded only for a flow that has a schedule: `create` needs nothing else of Prefect.
    from prefect.client.schemas.schedules import CronSchedule

    try:
        CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    except ValueError as error:
        message = "Prefect does not know this schedule"
        raise ValueError(message) from error


def write(
    state: Any,
    output: Path,
    request: CompileRequest,
    *,
    is_standalone: bool,
    may_overwrite: bool,
) -> ir.Flow:
    """Write the generated file; either the whole of it, or nothing.

    Raises:
        OutputRefused: *output* is in a folder that does not exist, or is a file that was not generated from
            this flow; with *may_overwrite*, from any flow.
        UnsupportedFlow: the flow uses what cannot work on Prefect.
    """
    _check_output(output, state, may_overwrite=may_overwrite)
    wanted = replace(request, check_schedule=check_schedule, carries_code=is_standalone)
    analysis = analyze_for(state, output.parent, wanted)
    write_output(output, standalone(state, analysis) if is_standalone else render(analysis.flow))
    return analysis.flow


def standalone(state: Any, analysis: Analysis) -> str:
    """Return the generated file with everything that a run elsewhere needs of this machine's files."""
    return render_standalone(analysis.flow, code_with_project(state, analysis), analysis.project)


def code_with_project(state: Any, analysis: Analysis) -> dict[str, bytes]:
    """Return the files that are beside the flow where its steps work."""
    project = analysis.project
    beside = {} if project is None else project.beside_the_flow
    return {**beside, **code_files(state), **interpreters.manifest(state)}


def analyze_for(
    state: Any, directory: Path, request: CompileRequest, *, may_be_kept: bool = False
) -> Analysis:
    """Return the IR of the flow for a generated file in *directory*; nothing is wrong with the flow.

    *may_be_kept* says whether locks of packages from the last day will do.

    Raises:
        UnsupportedFlow: the flow uses what cannot work on Prefect.
        PackagesRefused: the packages of @pypi cannot be had.
        MetaflowException: those of @conda cannot be had.
    """
    analysis = examine_for(state, directory, request)
    analysis.check()
    # Last: it takes minutes where they are not there yet.
    made = interpreters.made(state, analysis.flow, here(), may_be_kept=may_be_kept)
    return replace(analysis, flow=made)


def examine_for(state: Any, directory: Path, request: CompileRequest) -> Analysis:
    """Return the IR of the flow for a generated file in *directory*, and what is wrong with the flow."""
    _attach(state, request.decospecs)
    completed = replace(
        request, output_directory=directory, datastore_root=_chosen_datastore_root()
    )
    return examine(state, completed)


def run_now(
    state: Any,
    values: Mapping[str, Any],
    request: CompileRequest,
    *,
    local: LocalOptions,
    origin: ResumeOrigin | None = None,
) -> RunResult:
    """Compile to a temporary file, run its flow in this process and return how the run ended.

    *values* are the parameters' values by name, as steps see them. If all parameters have one, no default is
    evaluated, as under Metaflow.
    """
    from metaflow_prefect.runtime.local.run import begin_to_start_a_server, run_locally

    begin_to_start_a_server()
    is_complete = values.keys() >= set(_parameters(state.flow).values())
    with tempfile.TemporaryDirectory(prefix="metaflow-prefect-") as folder:
        # The schedule is not checked: it has no effect on a run that starts now, nor has it under Metaflow.
        wanted = replace(request, are_defaults_wanted=not is_complete)
        flow = analyze_for(state, Path(folder), wanted, may_be_kept=True).flow
        path = Path(folder) / f"{entrypoint_name(flow)}.py"
        path.write_text(render(flow), encoding="utf-8")
        module = generated_file.load(path)
        arguments = argument_names(flow)
        keywords: dict[str, object] = {
            arguments[parameter.name]: _carried(parameter, values[parameter.name])
            for parameter in flow.parameters
            if parameter.name in values
        }
        return run_locally(
            getattr(module, entrypoint_name(flow)),
            keywords,
            labels=() if flow.project is None else flow.project.labels,
            local=local,
            origin=origin,
        )


def resume_now(
    state: Any,  # Metaflow's CliState
    origin_run_id: str | None,
    rerun: frozenset[str],
    values: Mapping[str, Any],
    request: CompileRequest,
    local: LocalOptions,
) -> RunResult:
    """Run the flow again, reusing what the run *origin_run_id* (default: the latest) has done.

    Steps in *rerun*, and all steps after them, are executed again in any case. Steps that are executed see
    *values* (by the parameters' names) in place of the earlier run's.

    Raises:
        InitFailed: there is no such run, or no such step.
    """
    from metaflow.util import get_latest_run_id

    from metaflow_prefect.runtime.store.resume_origin import read as read_origin

    unknown = sorted(rerun - set(state.graph.nodes))
    if unknown:
        raise InitFailed(
            f"{state.flow.name} has no step {unknown[0]!r}.",
            fix=f"name one of {', '.join(state.graph.nodes)}",
        )
    named = (origin_run_id or "").removeprefix(f"{state.flow.name}/")
    run_id = named or get_latest_run_id(state.echo, state.flow.name)
    if run_id is None:
        raise InitFailed(
            "There is no earlier run of this flow on this machine.",
            fix="name one with --origin-run-id",
        )
    origin = read_origin(state.flow_datastore, run_id, _parameters(state.flow), rerun)
    origin = replace(origin, has_new_values=bool(values))
    merged = {**origin.parameters, **values}
    return run_now(state, merged, request, local=local, origin=origin)


def _parameters(flow: Any) -> dict[str, str]:
    """Return the name of each parameter by the attribute that holds it."""
    return {
        variable: parameter.name
        for variable, parameter in flow._get_parameters()  # noqa: SLF001  as Metaflow's own deployers do
        if not parameter.IS_CONFIG_PARAMETER
    }


def _carried(parameter: ir.Parameter, value: Any) -> Any:
    """Turn a value as steps see it, or one that Metaflow evaluates late (IncludeFile), into that of a flow run."""
    from metaflow.parameters import DelayedEvaluationParameter

    if isinstance(value, DelayedEvaluationParameter):
        return value(return_str=True)
    if parameter.separator is not None and isinstance(value, list):
        return joined(value, parameter.separator)
    return json_value(value) if parameter.type is ir.ParameterType.JSON else value


def check_generated(output: Path, state: Any, *, fix: str = "choose another name") -> None:
    """Make sure that a generated file can be written to *output*.

    Raises:
        OutputRefused: there is a file that was not generated; no option allows overwriting it.
    """
    # A generated file is not the flow's code, under whatever name: the hundreds of files need not be looked at.
    is_ours = is_generated(output)
    check_output(output, lambda: () if is_ours else own_paths(state), fix=fix)
    if output.is_file() and not is_ours:
        raise OutputRefused(
            f"{output} exists and was not generated by this command; it was left as it is.",
            fix=f"{fix}, or remove the file first",
        )


def is_generated(file: Path) -> bool:
    """Say whether the file was generated, and may be overwritten."""
    return _first_line(file).startswith(GENERATED_MARK)


def _check_output(output: Path, state: Any, *, may_overwrite: bool) -> None:
    check_generated(output, state)
    source = f" from {Path(state.entrypoint[-1]).name} (".encode()
    if output.is_file() and not may_overwrite and source not in _first_line(output):
        raise OutputRefused(
            f"{output} was generated from another flow; it was left as it is.",
            fix="choose another name, or overwrite it with --force",
        )


def _first_line(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.readline(_LONGEST_HEADER)
    except OSError:
        return b""


def _attach(state: Any, decospecs: tuple[str, ...]) -> None:
    """Attach the decorators of `--with`, as Metaflow's `run --with` does."""
    if not decospecs:
        return
    from metaflow import decorators

    decorators._attach_decorators(state.flow, list(decospecs))  # noqa: SLF001  as Metaflow's own deployers do
    names = [spec.partition(":")[0] for spec in decospecs]
    state.flow.__class__._init_graph()  # noqa: SLF001  as above
    state.graph = state.flow._graph  # noqa: SLF001  as above
    silence(state.graph)
    decorators._process_late_attached_decorator(  # noqa: SLF001  as above
        names, state.flow, state.graph, state.environment, state.flow_datastore, state.logger
    )
    state.graph = state.flow._graph  # noqa: SLF001  as above


def _chosen_datastore_root() -> str | None:
    from metaflow.cli_args import cli_args

    root = cli_args.top_kwargs.get("datastore_root")
    return None if root is None else str(root)
