"""The command lines by which Metaflow begins a run and executes one task."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metaflow_prefect.names import PARAMETERS_TASK_ID, RUN_ID_VARIABLE
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.flow.dispatcher import Launch
from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.in_flow import make_interpreters as interpreters
from metaflow_prefect.runtime.in_flow import print_environment as environment_part
from metaflow_prefect.runtime.in_flow.flow_command import Part, with_parts
from metaflow_prefect.runtime.steps import working_directory
from metaflow_prefect.runtime.steps.executor_protocol import Command

_OF_AN_INTERPRETER = frozenset({"site-packages", "dist-packages"})
"""The names of folders with packages that were installed for one interpreter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What every command of one run shares. `python` is the interpreter, `datastore_root` Metaflow's root.

    `namespace` is that of the client inside the steps: all runs if empty, Metaflow's default if None.
    `parts` are additions to the command line of each task, for which Metaflow has no option (`flow_command`).
    """

    program: Program
    python: str
    flow_file: str
    run_id: str
    datastore_root: str
    tags: tuple[str, ...] = ()
    origin_run_id: str | None = None
    config_file: str | None = None
    namespace: str | None = None
    parts: tuple[Part, ...] = ()

    @classmethod
    def of(
        cls, program: Program, run_id: str, root: str, python: str = sys.executable
    ) -> RunContext:
        """Return the context of a run of *program*, by default by this process's interpreter; *root* is its datastore's."""
        return cls(
            program=program,
            python=python,
            flow_file=program.script,
            run_id=run_id,
            # Steps may work in another folder than this process; the root of an object store is an address.
            datastore_root=str(Path(root).absolute()) if program.datastore == "local" else root,
        )


def run_environment(
    program: Program,
    inherited: Mapping[str, str],
    *,
    run_id: str,
    python: str = sys.executable,
) -> dict[str, str]:
    """Return the environment of every command of a run of *program* by the interpreter *python*."""
    there = working_directory.environment(program, inherited)
    if program.packages is not None:
        there = {**there, variables.LOCKED_PACKAGES: "1"}
    if program.project is not None:
        there.update(_of_project(python, there))
    return environment(there, python=python, run_id=run_id)


def _of_project(python: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that `uv run` sets, and a search path without the packages of another interpreter."""
    folders = inherited.get("PYTHONPATH", "").split(os.pathsep)
    kept = [folder for folder in folders if Path(folder).name not in _OF_AN_INTERPRETER]
    return {"VIRTUAL_ENV": str(Path(python).parents[1]), "PYTHONPATH": os.pathsep.join(kept)}


def parts_of(program: Program) -> tuple[Part, ...]:
    """Return what every task of *program* begins with."""
    return () if program.packages is None else (Part.LOCKED_PACKAGES,)


def environment(inherited: Mapping[str, str], *, python: str, run_id: str) -> dict[str, str]:
    """Return the environment of every command of a run.

    The folder of `python` comes first on the path: Metaflow starts @parallel's workers and cards by that name, also
    where the virtual environment was not activated.
    """
    folder = os.path.dirname(python)  # noqa: PTH120  a link must stay one: it is the virtual environment
    folders = [folder, *inherited.get("PATH", os.defpath).split(os.pathsep)]
    if folders[1] == folder:
        folders.pop(0)
    return {
        **inherited,
        "PATH": os.pathsep.join(folders),
        "PYTHONUNBUFFERED": "x",
        RUN_ID_VARIABLE: run_id,
    }


def process(
    run: RunContext,
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    name: str = "",
    limit_seconds: float | None = None,
) -> Command:
    """Return the process that executes *words*, a command of the run, where the run's steps work."""
    return Command(
        words=words,
        environment=environment,
        folder=run.program.working_directory,
        name=name,
        limit_seconds=limit_seconds,
    )


def top_level(run: RunContext) -> list[str]:
    """Return the interpreter, the flow's file and Metaflow's top-level options."""
    program = run.program
    words = [
        run.python,
        run.flow_file,
        "--quiet",
        "--no-pylint",
        f"--metadata={program.metadata}",
        f"--environment={program.environment}",
        f"--datastore={program.datastore}",
        f"--datastore-root={run.datastore_root}",
        *program.options,
    ]
    if run.config_file is not None:
        words.append(f"--local-config-file={run.config_file}")
    return words


def init(run: RunContext) -> list[str]:
    """Return the command that registers the run and stores its parameters.

    Parameter values travel in the environment (`parameter_variables`), where quoting and names
    that look like options cannot go wrong.
    """
    return [
        *top_level(run),
        "init",
        f"--run-id={run.run_id}",
        f"--task-id={PARAMETERS_TASK_ID}",
        *_tags(run),
    ]


def parameter_variables(values: Mapping[str, object]) -> dict[str, str]:
    """Return the variables by which `init` takes parameters: `METAFLOW_INIT_<NAME>`.

    A value of None is left out, as Metaflow has no way to pass it; `init` then uses None.
    """
    return {
        "METAFLOW_INIT_" + name.upper().replace("-", "_"): _text(value)
        for name, value in values.items()
        if value is not None
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of one task.

    `input_paths` is Metaflow's compressed list; `clone` is the task of another run to take over
    instead of executing anything.
    """

    launch: Launch
    step: Step
    number: int
    input_paths: str
    clone: str | None = None


def read_environment(run: RunContext) -> list[str]:
    """Return the command that prints the values of @environment (`environment.parse`)."""
    return [*with_parts([Part.ENVIRONMENT], top_level(run)), environment_part.COMMAND]


def make_interpreters(run: RunContext, folder: str) -> list[str]:
    """Return the command that makes the steps' own interpreters and prints them (`interpreters.parse`).

    It puts the code that they need into *folder*. Where the packages are locked, it does only that.
    """
    parts = [*parts_of(run.program), Part.INTERPRETERS]
    return [*with_parts(parts, top_level(run)), interpreters.COMMAND, folder]


def step(run: RunContext, attempt: Attempt, *, python: str | None = None) -> list[str]:
    """Return the command that executes *attempt*, by the interpreter *python* if it is not the run's."""
    launch = attempt.launch
    own, *options = top_level(run)
    begin = [python or own, *options]
    words = [
        *with_parts(run.parts, begin),
        "step",
        launch.place.step,
        f"--run-id={run.run_id}",
        f"--task-id={launch.place.task_id}",
        f"--input-paths={attempt.input_paths}",
        f"--retry-count={attempt.number}",
        f"--max-user-code-retries={attempt.step.user_retries}",
        *_tags(run),
    ]
    if run.namespace is not None:
        words.append(f"--namespace={run.namespace}")
    if launch.split_index is not None:
        words.append(f"--split-index={launch.split_index}")
    if launch.is_control:
        words.append("--ubf-context=ubf_control")
    if run.origin_run_id is not None:
        words.append(f"--clone-run-id={run.origin_run_id}")
    if attempt.clone is not None:
        words.append(f"--clone-only={attempt.clone}")
    return words


def _tags(run: RunContext) -> list[str]:
    return [f"--tag={tag}" for tag in run.tags]
