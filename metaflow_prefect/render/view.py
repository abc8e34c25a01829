"""The data of the generated file's template: every name chosen, every option listed in order."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.names import Identifier, snake_case, unique_identifiers
from metaflow_prefect.render.environment import literal
from metaflow_prefect.render.literals import Code
from metaflow_prefect.runtime.flow.program import RUNTIME_API
from metaflow_prefect.version import VERSION

_FIXED_NAMES = ("PARAMETERS", "PROGRAM", "STEPS", "Any", "Literal", "ThreadPoolTaskRunner", "flow", "task",
                "Json", "Parameter", "Program", "Step", "End", "Foreach", "Next", "Parallel", "Split", "Switch",
                "check_api", "execute", "exit_hooks", "locked_packages", "main", "run_step", "UNPACKED", "payload", "atexit", "base64", "io",
                "pathlib", "shutil", "sys", "tempfile", "zipfile")  # fmt: skip

_NAMES_WITH_CONTAINERS = ("Container", "execute_slice")
"""Names of the file where a step has @northflank."""

TRIGGERED_BY = "triggered_by"
"""The argument through which a deployment's automation passes a run the events that started it."""

_USED_IN_FLOW_BODY = ("PROGRAM", "STEPS", "execute", "return_state", "self", "wait_for")
"""Names that an argument of the flow function must not have: it would hide a name that the body uses, or Prefect
would take it for one of its own (`return_state`, `wait_for`), or leave it out of the schema (`self`)."""

_ALWAYS_IMPORTED = frozenset({"Program", "Step", "check_api", "execute", "main", "run_step"})


@dataclass(frozen=True, slots=True)
class Option:
    """One argument of a call; positional if `name` is empty."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A transition as a call: `Foreach("train", over="grid")`."""

    kind: str
    arguments: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step as the template shows it."""

    function: Identifier
    doc: str
    task_options: tuple[Option, ...]
    transition: Shape
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterView:
    """One parameter, as an argument of the flow function and as a declaration for the command line."""

    name: str
    identifier: Identifier
    annotation: str
    has_default: bool
    default: Any
    help: str
    declaration: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """Everything that the template of the generated file needs."""

    flow: ir.Flow
    version: str
    runtime_api: int
    source_name: str
    function: Identifier
    program: tuple[Option, ...]
    steps: tuple[StepView, ...]
    parameters: tuple[ParameterView, ...]
    flow_options: tuple[Option, ...]
    slice_function: Identifier | None
    slice_options: tuple[Option, ...]
    payload: tuple[str, ...] | None

    @property
    def arguments(self) -> tuple[ParameterView, ...]:
        """The flow function's arguments; those without a default come first, as Python requires."""
        return tuple(sorted(self.parameters, key=lambda parameter: parameter.has_default))

    @property
    def runtime_names(self) -> tuple[str, ...]:
        """The names that the file imports from the runtime, sorted as isort does."""
        used = _ALWAYS_IMPORTED | {step.transition.kind for step in self.steps}
        if self.flow.exit_hooks != ir.ExitHooks():
            used |= {"exit_hooks"}
        if self.slice_function is not None:
            used |= {"Container", "execute_slice"}
        if self.parameters:
            used |= {"Parameter"}
        if self.flow.backends.installer is not None:
            used |= {"locked_packages"}
        if any(parameter.type is ir.ParameterType.JSON for parameter in self.flow.parameters):
            used |= {"Json"}
        return tuple(sorted(used, key=lambda name: (name.islower(), name)))

    @property
    def typing_names(self) -> tuple[str, ...]:
        """The names that the file imports from typing."""
        annotations = " ".join(parameter.annotation for parameter in self.parameters)
        if self.flow.triggers is not None or self.slice_function is not None:
            annotations += " Any"
        return tuple(name for name in ("Any", "Literal") if name in annotations)


def view(
    flow: ir.Flow, payload: tuple[str, ...] | None = None, project: str | None = None
) -> FileView:
    """Choose the names and list the options of the file generated from *flow*.

    *project* is the folder of its uv project in the *payload*.
    """
    taken = _taken(flow)
    function = Identifier.of(snake_case(flow.name), taken=taken)
    others = {function, *filter(None, (_slice_function(flow),))}
    functions = unique_identifiers((step.name for step in flow.steps), taken={*taken, *others})
    arguments = argument_names(flow)
    return FileView(
        flow=flow,
        version=VERSION,
        runtime_api=RUNTIME_API,
        source_name=PurePosixPath(flow.source.file).name,
        function=function,
        program=_program(flow, project, is_standalone=payload is not None),
        steps=tuple(_step(step, functions[step.name]) for step in flow.steps),
        parameters=tuple(_parameter(item, arguments[item.name]) for item in flow.parameters),
        flow_options=_flow_options(flow),
        slice_function=_slice_function(flow),
        slice_options=_given(
            Option("name", steps_flow_name(flow)),
            Option("task_runner", Code(f"ThreadPoolTaskRunner(max_workers={_most_at_once(flow)})")),
        ),
        payload=payload,
    )


def argument_names(flow: ir.Flow) -> Mapping[str, Identifier]:
    """Return, for each parameter of *flow*, the flow function's argument: the key it has on a Prefect server."""
    return unique_identifiers(
        (parameter.name for parameter in flow.parameters), taken=_USED_IN_FLOW_BODY
    )


def entrypoint_name(flow: ir.Flow) -> str:
    """Return the name of the flow function in the file generated from *flow*."""
    return Identifier.of(snake_case(flow.name), taken=_taken(flow))


def _taken(flow: ir.Flow) -> set[str]:
    has_containers = any(step.container for step in flow.steps)
    return {*_FIXED_NAMES, *dir(builtins), *(_NAMES_WITH_CONTAINERS if has_containers else ())}


def steps_flow_name(flow: ir.Flow) -> str:
    """Return the name of the Prefect flow whose runs execute tasks of *flow* in containers of their own."""
    return f"{flow.name}.steps"


def steps_entrypoint_name(flow: ir.Flow) -> str | None:
    """Return the name of that flow's function in the generated file; None if no step has @northflank."""
    return _slice_function(flow)


def _slice_function(flow: ir.Flow) -> Identifier | None:
    if not any(step.container for step in flow.steps):
        return None
    taken = {*_taken(flow), entrypoint_name(flow)}
    return Identifier.of(f"{snake_case(flow.name)}_steps", taken=taken)


def _most_at_once(flow: ir.Flow) -> int:
    return max((step.container.at_once or 1 for step in flow.steps if step.container), default=1)


def _given(*options: Option) -> tuple[Option, ...]:
    """Drop the options without a value."""
    return tuple(option for option in options if option.value not in (None, "", (), 0, False))


def _program(flow: ir.Flow, project: str | None, *, is_standalone: bool) -> tuple[Option, ...]:
    name = PurePosixPath(flow.source.file).name
    location = Code('UNPACKED + "/code/flow"') if is_standalone else Code("__file__")
    environment = flow.backends.environment
    is_locked = flow.backends.installer is not None
    return _given(
        Option("flow", flow.name),
        Option("project_flow", flow.project.flow_name if flow.project else None),
        Option("source", name if is_standalone else flow.source.file),
        Option("sha256", flow.source.sha256),
        Option("metadata", flow.backends.metadata),
        Option("datastore", flow.backends.datastore),
        Option("environment", None if environment == "local" else environment),
        Option("packages", Code("locked_packages(__file__)") if is_locked else None),
        Option("datastore_root", flow.backends.datastore_root),
        Option("options", flow.options),
        Option("config", flow.config),
        Option("tags", flow.tags),
        Option("on_success", flow.exit_hooks.on_success),
        Option("on_error", flow.exit_hooks.on_error),
        Option("location", location),
        Option("working_directory", Code('UNPACKED + "/code"') if is_standalone else None),
        Option(
            "project", None if project is None else Code(f"UNPACKED + {literal('/' + project)}")
        ),
    )


def _flow_options(flow: ir.Flow) -> tuple[Option, ...]:
    return _given(
        Option("name", flow.name),
        Option("timeout_seconds", flow.workflow_timeout_seconds),
        Option("task_runner", Code(f"ThreadPoolTaskRunner(max_workers={flow.max_workers})")),
        Option("", Code("**exit_hooks(PROGRAM)") if flow.exit_hooks != ir.ExitHooks() else None),
    )


def _step(step: ir.Step, function: Identifier) -> StepView:
    retries = step.attempts - 1
    return StepView(
        function=function,
        doc=step.doc,
        task_options=_given(
            Option("name", step.name),
            Option("retries", retries),
            Option("retry_delay_seconds", step.retry_delay_seconds if retries else 0),
            Option("timeout_seconds", step.timeout_seconds),
            Option("tags", [f"{item.name}={item.value}" for item in step.resources] or None),
        ),
        transition=_shape(step),
        options=_given(
            Option("joins", step.joins),
            Option("error_retries", step.error_retries),
            Option("environment", step.environment),
            Option("container", _container(step.container)),
            Option("lock", step.lock),
        ),
    )


def _container(container: ir.Container | None) -> Code | None:
    if container is None:
        return None
    given = _given(
        Option("tasks", container.tasks),
        Option("at_once", container.at_once if container.at_once != 1 else None),
        Option("limit", container.limit),
    )
    return Code(f"Container({', '.join(f'{option.name}={option.value}' for option in given)})")


def _shape(step: ir.Step) -> Shape:
    match step.transition:
        case ir.Transition.LINEAR:
            return Shape(kind="Next", arguments=(Option("", step.next[0]),))
        case ir.Transition.SPLIT:
            return Shape(kind="Split", arguments=tuple(Option("", name) for name in step.next))
        case ir.Transition.FOREACH:
            return Shape(
                kind="Foreach", arguments=(Option("", step.next[0]), Option("over", step.foreach))
            )
        case ir.Transition.PARALLEL:
            return Shape(kind="Parallel", arguments=(Option("", step.next[0]),))
        case ir.Transition.SWITCH:
            cases = {case.value: case.step for case in step.cases}
            return Shape(kind="Switch", arguments=(Option("", cases), Option("on", step.condition)))
        case ir.Transition.END:
            return Shape(kind="End", arguments=())


_ANNOTATIONS = {
    ir.ParameterType.STR: "str",
    ir.ParameterType.INT: "int",
    ir.ParameterType.FLOAT: "float",
    ir.ParameterType.BOOL: "bool",
    ir.ParameterType.JSON: "Any",
}


def _parameter(parameter: ir.Parameter, identifier: Identifier) -> ParameterView:
    annotation = _ANNOTATIONS[parameter.type]
    kind = Code("Json" if parameter.type is ir.ParameterType.JSON else annotation)
    if parameter.choices:
        annotation = f"Literal[{', '.join(map(repr, parameter.choices))}]"
    if parameter.default is None and not parameter.required and annotation != "Any":
        annotation += " | None"
    declaration = (
        Option("", parameter.name),
        Option("", kind),
        *(Option("default", value) for value in (parameter.default,) if value is not None),
        *_given(
            Option("required", parameter.required),
            Option("help", parameter.help),
            Option("choices", parameter.choices),
            Option("argument", identifier if identifier != parameter.name else None),
        ),
    )
    return ParameterView(
        name=parameter.name,
        identifier=identifier,
        annotation=annotation,
        has_default=not parameter.required,
        default=parameter.default,
        help=parameter.help,
        declaration=declaration,
    )
