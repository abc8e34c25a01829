"""FlowSpec → ir.Flow: the only part of the compiler that knows Metaflow's classes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.analysis import (
    code,
    containers,
    decorators,
    events,
    graph,
    interpreters,
    packages,
    parameters,
    pythons,
    support,
    uv_project,
)
from metaflow_prefect.analysis.interpreters import Installer
from metaflow_prefect.analysis.pythons import PythonRequest
from metaflow_prefect.analysis.uv_project import UvProject
from metaflow_prefect.errors import Finding, UnsupportedFlow

__all__ = ["Analysis", "CompileRequest", "analyze", "examine"]

_DEFAULT_SIDECARS = {"event-logger": "nullSidecarLogger", "monitor": "nullSidecarMonitor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileRequest:
    """What a compiling command was asked for beside the flow itself.

    `decospecs` are those of `--with`. The command line of Metaflow completes the rest: `datastore_root` is the one
    that the user named, if any. `are_defaults_wanted` is False for a run whose parameters all have their values.
    `check_schedule` raises a `ValueError` for a schedule that Prefect does not know. `carries_code` says whether the
    generated file is for other places than this machine's folders.
    """

    output_directory: Path = Path()
    tags: tuple[str, ...] = ()
    decospecs: tuple[str, ...] = ()
    datastore_root: str | None = None
    max_workers: int = ir.DEFAULT_MAX_WORKERS
    workflow_timeout_seconds: int | None = None
    are_defaults_wanted: bool = True
    check_schedule: Callable[[ir.Schedule], None] = lambda _: None
    carries_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A flow as plain values, and what of it cannot work on Prefect: where there are findings, parts are missing.

    `are_parameters_complete` says whether `flow` has all parameters. `project` is the uv project that travels with the
    flow, if one does; `pythons` is what asks for a certain Python.
    """

    flow: ir.Flow
    findings: tuple[Finding, ...]
    are_parameters_complete: bool
    project: UvProject | None = None
    pythons: tuple[PythonRequest, ...] = ()

    def check(self) -> None:
        """Refuse the flow if anything was found.

        Raises:
            UnsupportedFlow: something in it cannot work on Prefect; names everything at once.
        """
        if self.findings:
            raise UnsupportedFlow(self.flow.name, self.findings)


def analyze(state: Any, request: CompileRequest) -> ir.Flow:
    """Return the flow of Metaflow's command line *state* as plain values.

    Raises:
        UnsupportedFlow: something in it cannot work on Prefect; names everything at once.
    """
    analysis = examine(state, request)
    analysis.check()
    return analysis.flow


def examine(state: Any, request: CompileRequest) -> Analysis:
    """Return the flow of Metaflow's command line *state* as plain values, and what is wrong with it."""
    from metaflow import current

    flow_decorators = decorators.flow_decorators(state.flow)
    found_parameters, bad_parameters = parameters.parameters(
        state.flow, are_defaults_wanted=request.are_defaults_wanted
    )
    schedule, bad_schedule = decorators.schedule(flow_decorators, request.check_schedule)
    triggers, bad_triggers = events.triggers(flow_decorators, current, found_parameters)
    project, bad_project = _uv_project(state, request)
    findings = (
        *support.findings(state.graph, flow_decorators),
        *support.environment_findings(state.environment.TYPE),
        *interpreters.findings(state),
        *containers.findings(state.graph),
        *bad_project,
        *bad_parameters,
        *bad_schedule,
        *bad_triggers,
    )
    installer = interpreters.chosen(state)
    flow = ir.Flow(
        name=state.flow.name,
        doc=state.graph.doc,
        steps=tuple(
            _step(node, _packages(state, node, installer)) for node in graph.nodes(state.graph)
        ),
        start=state.graph.start_step,
        end=state.graph.end_step,
        parameters=found_parameters,
        schedule=schedule,
        triggers=triggers,
        project=decorators.project(flow_decorators, current),
        exit_hooks=_exit_hooks(flow_decorators),
        tags=request.tags,
        source=_source(Path(state.entrypoint[-1]), request.output_directory),
        backends=ir.Backends(
            metadata=state.metadata.TYPE,
            datastore=state.flow_datastore.TYPE,
            environment=state.environment.TYPE,
            installer="uv" if installer is Installer.UV else None,
            datastore_root=request.datastore_root,
        ),
        options=_options(state, flow_decorators),
        config=_config(state.flow),
        max_workers=request.max_workers,
        workflow_timeout_seconds=request.workflow_timeout_seconds,
    )
    return Analysis(
        flow=flow,
        findings=findings,
        are_parameters_complete=not bad_parameters,
        project=project,
        pythons=pythons.requests(state, project),
    )


def _uv_project(
    state: Any, request: CompileRequest
) -> tuple[UvProject | None, tuple[Finding, ...]]:
    """Return the uv project that has to travel with the flow; elsewhere its steps have the flow's own interpreter."""
    if state.environment.TYPE != uv_project.ENVIRONMENT or not request.carries_code:
        return None, ()
    return uv_project.examine(Path.cwd(), code.suffixes(state))


def _packages(state: Any, node: Any, installer: Installer | None) -> ir.Packages | None:
    """Return the packages of *node* that uv installs."""
    if installer is not Installer.UV:
        return None
    return packages.requested(node, state.environment, state.flow_datastore.TYPE)


def _step(node: Any, own: ir.Packages | None) -> ir.Step:
    attempts = decorators.attempts(node.decorators)
    return ir.Step(
        name=node.name,
        doc=node.doc.strip(),
        transition=graph.transition(node),
        next=tuple(node.out_funcs),
        cases=graph.cases(node),
        condition=node.condition,
        foreach=node.foreach_param,
        joins=graph.joined_split(node),
        user_retries=attempts.user_retries,
        error_retries=attempts.error_retries,
        retry_delay_seconds=attempts.retry_delay_seconds,
        timeout_seconds=decorators.timeout_seconds(node.decorators),
        environment=decorators.environment_names(node.decorators),
        resources=decorators.resources(node.decorators),
        container=containers.container(node.decorators),
        packages=own,
    )


def _exit_hooks(flow_decorators: tuple[Any, ...]) -> ir.ExitHooks:
    hooks = [decorator for decorator in flow_decorators if decorator.name == "exit_hook"]
    return ir.ExitHooks(
        on_success=tuple(name for hook in hooks for name in hook.success_hooks),
        on_error=tuple(name for hook in hooks for name in hook.error_hooks),
    )


def _source(flow_file: Path, output_directory: Path) -> ir.Source:
    # Not resolved: a flow reached by a link has the link's name and folder, as when Python executes it.
    relative = os.path.relpath(flow_file, output_directory)
    return ir.Source(
        file=Path(relative).as_posix(), sha256=hashlib.sha256(flow_file.read_bytes()).hexdigest()
    )


def _options(state: Any, flow_decorators: tuple[Any, ...]) -> tuple[str, ...]:
    """Return the top-level options that every command of a run needs, as `metaflow.runtime.CLIArgs` builds them."""
    options: list[str] = []
    for name, default in _DEFAULT_SIDECARS.items():
        chosen = {"event-logger": state.event_logger, "monitor": state.monitor}[name].TYPE
        if chosen != default:
            options.append(f"--{name}={chosen}")
    for decorator in flow_decorators:
        for name, value in decorator.get_top_level_options():
            options.extend(_as_options(name, value))
    options.extend(f"--with={spec}" for spec in _added_decorators(state.graph))
    for name in _configs(state.flow):
        options.extend(("--config-value", name, f"kv.{name}"))
    return tuple(options)


def _as_options(name: str, value: Any) -> tuple[str, ...]:
    if value is None or value is False:
        return ()
    if value is True:
        return (f"--{name}",)
    values = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(f"--{name}={item}" for item in values)


def _added_decorators(flow_graph: Any) -> tuple[str, ...]:
    """Return the specs of decorators that came from `--with` rather than from the source."""
    specs: dict[str, None] = {}
    for node in flow_graph:
        for decorator in node.decorators:
            if not decorator.statically_defined and decorator.inserted_by is None:
                specs[decorator.make_decorator_spec()] = None
    return tuple(specs)


def _configs(flow: Any) -> Any:
    from metaflow.flowspec import FlowStateItems

    return flow._flow_state[FlowStateItems.CONFIGS]  # noqa: SLF001  as Metaflow's own deployers do


def _config(flow: Any) -> str | None:
    """Return the resolved configuration as JSON text, in the form of Metaflow's `--local-config-file`."""
    from metaflow.user_configs.config_parameters import dump_config_values

    values = dump_config_values(flow)
    # In the order of the source: user code may iterate over it.
    return json.dumps(values) if values else None
