"""The intermediate representation: a flow as plain values, free of Metaflow's and Prefect's classes.

`analysis` makes it, `render` and `deploy.plan` read it. Everything here is frozen, ordered and
serializable, so that the same flow always gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

IR_VERSION = 1

DEFAULT_MAX_WORKERS = 16
"""How many tasks of one run may execute at the same time: the default of Metaflow's `run --max-workers`."""

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class Transition(str, Enum):
    """What a step does with its result: the closed set of Metaflow's `self.next` forms."""

    LINEAR = "linear"
    SPLIT = "split"
    FOREACH = "foreach"
    PARALLEL = "parallel"
    SWITCH = "switch"
    END = "end"


class ParameterType(str, Enum):
    """The types of Metaflow's parameters that can be sent to a run."""

    STR = "str"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One arm of a switch: the value of the condition, and the step it leads to."""

    value: str | int | float | bool | None
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One non-default setting of @resources, e.g. `cpu` = `4`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What @northflank asks for: containers of their own for the tasks of a step.

    `resources` are those of one task, merged with @resources as Metaflow's compute decorators do. `plan`, `image` and
    `gpu_type` are None where the work pool decides, `pool` is None for that of the deployment. `job_variables` is a
    JSON object. `tasks` is how many tasks of a foreach share a container (None: the runtime decides), `at_once` how
    many of them run at the same time, `limit` how many containers do.
    """

    resources: tuple[Resource, ...] = ()
    gpu_type: str | None = None
    plan: str | None = None
    image: str | None = None
    pool: str | None = None
    job_variables: str = "{}"
    tasks: int | None = None
    at_once: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """What @pypi asks for, with what Metaflow itself needs: pip's requirements, and a Python where one is named."""

    requirements: tuple[str, ...] = ()
    python: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The packages of some steps with their hashes, as the comment `lines` of the generated file; steps name its `key`."""

    key: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the flow.

    `joins` is the step whose split this step joins, or None if it is not a join.
    `user_retries` and `error_retries` are what Metaflow's decorators ask for
    (`StepDecorator.step_task_retry_count`): @retry adds the first kind, @catch the second.
    `environment` holds only the names of @environment's variables; the values stay in the flow.
    `container` is None for a step whose tasks run in the container of the flow run.
    `packages` is None where the step has none of its own, or where Metaflow's own machinery installs them;
    `lock` is the key of the lock that was made for them.
    """

    name: str
    doc: str = ""
    transition: Transition
    next: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    condition: str | None = None
    foreach: str | None = None
    joins: str | None = None
    user_retries: int = 0
    error_retries: int = 0
    retry_delay_seconds: int = 0
    timeout_seconds: int | None = None
    environment: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    container: Container | None = None
    packages: Packages | None = None
    lock: str | None = None

    @property
    def attempts(self) -> int:
        """The largest number of attempts that Metaflow gives this task."""
        return self.user_retries + self.error_retries + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One `metaflow.Parameter`, its default already evaluated.

    `default` is None both for "no default" and for a default of None: Metaflow does not tell
    them apart. `choices` is not empty where the flow declared a `click.Choice`.
    """

    name: str
    type: ParameterType
    default: Json = None
    required: bool = False
    help: str = ""
    separator: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """@schedule as a five-field cron line and an IANA time zone (None: the server's, UTC)."""

    cron: str
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter that takes its value from a field of an event's payload."""

    parameter: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One event that starts the deployed flow: @trigger, or the end of a run (@trigger_on_finish).

    `flow` is the flow whose runs emit it, or None for a published event.
    """

    event: str
    flow: str | None = None
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """The events that a deployed flow waits for: all of them or any, within a time or without limit."""

    events: tuple[Trigger, ...]
    is_any: bool = False
    within_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """@project as Metaflow resolves it: `flow_name` is `project.branch.Flow`."""

    name: str
    branch: str
    flow_name: str
    is_production: bool

    @property
    def labels(self) -> tuple[str, ...]:
        """The tags that find everything of the project and the branch in Prefect's UI."""
        return (f"project:{self.name}", f"project_branch:{self.branch}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the flow's code is: `file` is relative to the generated file, `sha256` is of its bytes."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """The backends that Metaflow's top-level options choose for every command of a run.

    `installer` is the program that installs the packages of @pypi, where this package makes the steps' interpreters.
    """

    metadata: str
    datastore: str
    environment: str
    installer: str | None = None
    datastore_root: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitHooks:
    """The functions of @exit_hook, by name, in the order in which they run."""

    on_success: tuple[str, ...] = ()
    on_error: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A whole flow.

    `options` are Metaflow's top-level options beyond `backends`, as on its command line.
    `config` is the resolved configuration as JSON text (Metaflow's `--local-config-file`), if there is any.
    """

    name: str
    doc: str = ""
    steps: tuple[Step, ...]
    start: str
    end: str
    parameters: tuple[Parameter, ...] = ()
    schedule: Schedule | None = None
    triggers: Triggers | None = None
    project: Project | None = None
    exit_hooks: ExitHooks = ExitHooks()
    tags: tuple[str, ...] = ()
    source: Source
    backends: Backends
    options: tuple[str, ...] = ()
    config: str | None = None
    locks: tuple[Lock, ...] = ()
    max_workers: int = DEFAULT_MAX_WORKERS
    workflow_timeout_seconds: int | None = None

    def step(self, name: str) -> Step:
        """Return the step called *name*.

        Raises:
            KeyError: there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


def to_json(flow: Flow) -> str:
    """Write *flow* as JSON text: sorted, indented, ending in a newline."""
    document = {"ir_version": IR_VERSION, "flow": dataclasses.asdict(flow)}
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
