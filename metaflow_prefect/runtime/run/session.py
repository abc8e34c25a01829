"""One execution of one run: its ids, its environment, its datastore, and how one attempt of a task is executed.

Nothing here knows Prefect: `engine` calls it from Prefect's tasks.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from metaflow_prefect.errors import InitFailed, StepFailed
from metaflow_prefect.names import RUN_ID_VARIABLE
from metaflow_prefect.runtime.flow.dispatcher import Launch
from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.run.container_memory import ContainerMemory
from metaflow_prefect.runtime.run.container_usage import ControlGroup
from metaflow_prefect.runtime.run.launch_options import LaunchOptions
from metaflow_prefect.runtime.run.task_state import TaskState
from metaflow_prefect.runtime.step_containers import child_runs
from metaflow_prefect.runtime.steps import (
    commands,
    executor_choice,
    exit_messages,
    project_interpreter,
    working_directory,
)
from metaflow_prefect.runtime.steps.executor_protocol import StepExecutor, Stream
from metaflow_prefect.runtime.steps.fork_server_client import ForkKey
from metaflow_prefect.runtime.steps.step_environments import StepProcesses
from metaflow_prefect.runtime.steps.step_settings import StepSettings
from metaflow_prefect.runtime.steps.task_log import TaskLog
from metaflow_prefect.runtime.store.datastore import RunDatastore, TaskRecord
from metaflow_prefect.runtime.store.metadata_copy import MetadataCopy
from metaflow_prefect.runtime.store.task_metadata import TaskMetadata

EXIT_DISALLOW_RETRY = 202
"""A step that ends with this code is not tried again (`metaflow.metaflow_config.METAFLOW_EXIT_DISALLOW_RETRY`)."""

_TIMEOUT_GRACE_SECONDS = 60.0
"""@timeout is enforced inside the step, as under Metaflow, so that @catch and the logs see it.
A step that ignores it, e.g. in a C call, is ended this much later."""


@dataclass(slots=True)
class Session:
    """How the attempts of one execution of a run are executed; tasks use it from their own threads.

    `environment` is that of every command, as it was when the session was opened.
    `resumes` is True where an earlier execution of the same run has left tasks behind.
    """

    context: commands.RunContext
    steps: Mapping[str, Step]
    options: LaunchOptions
    settings: StepSettings
    datastore: RunDatastore
    metadata: TaskMetadata
    metadata_copy: MetadataCopy | None
    executor: StepExecutor
    environment: Mapping[str, str]
    resumes: bool
    say: Callable[[str], None]
    memory: ContainerMemory
    _processes: StepProcesses = field(init=False)
    _is_closed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        # The packages of steps with containers of their own are installed there.
        elsewhere = child_runs.sources(self.options.environment)
        locks = {
            name: step.lock
            for name, step in self.steps.items()
            if step.lock is not None and name not in elsewhere
        }
        self._processes = StepProcesses(
            self.context, self.executor, self._environment({}), locks, self.say
        )

    @classmethod
    def open(
        cls,
        program: Program,
        steps: tuple[Step, ...],
        run_id: str,
        options: LaunchOptions,
        say: Callable[[str], None],
        *,
        container: ControlGroup | None = None,
    ) -> Session:
        """Prepare the execution of the run *run_id*; starts no task.

        *container* is the control group that the run has to itself. *say* writes a line for people: which steps are
        executed in fresh processes, for example, and why.

        Raises:
            StaleGeneratedFile: the flow's file is missing or another one.
            SettingRefused: a variable has a value that it cannot have.
            InitFailed: the packages of the flow's uv project cannot be installed.
        """
        settings = StepSettings.of(options.environment)
        local_folder = working_directory.link_local_folder(program, options.environment)
        datastore = RunDatastore.of(program, run_id, local_folder)
        # A variable that is set here was set for this machine, and wins; the flow's import needs the others.
        given = {**options.captured.variables, **options.environment, **options.variables}
        python = project_interpreter.of(program, given, say)
        context = replace(
            commands.RunContext.of(program, run_id, datastore.root, python),
            tags=(*program.tags, *options.tags),
            origin_run_id=None if options.origin is None else options.origin.run_id,
            config_file=_write_config(program.config),
            namespace=settings.namespace,
            parts=(*options.parts, *commands.parts_of(program)),
        )
        environment = commands.run_environment(program, given, run_id=run_id, python=python)
        key = ForkKey.of(context, environment)
        return cls(
            context=context,
            steps={step.name: step for step in steps},
            options=options,
            settings=settings,
            datastore=datastore,
            metadata=TaskMetadata(program.flow, run_id, program.metadata),
            metadata_copy=_metadata_copy(program, datastore, options.part),
            executor=executor_choice.executor(
                settings.executor, key, program.interpreters_of, say, options.early_fork_server
            ),
            environment=environment,
            resumes=datastore.begun(),
            say=say,
            memory=ContainerMemory(container),
        )

    def begin(self, parameters: Mapping[str, object]) -> None:
        """Let Metaflow register the run and store its parameters, unless that is done already.

        Raises:
            InitFailed: Metaflow refused, for the reason in the message, or could not create a step's interpreter.
        """
        self._ask()
        if self.resumes:
            self._copy(MetadataCopy.fetch)
        else:
            self._init(parameters)
        self._processes.wait()

    def join(self) -> None:
        """Prepare to execute tasks of a run that another container has begun.

        Raises:
            InitFailed: Metaflow could not create a step's interpreter.
        """
        self._ask()
        self._processes.wait()

    def _ask(self) -> None:
        has_variables = any(step.environment for step in self.steps.values())
        self._processes.ask(has_variables=has_variables)

    def _init(self, parameters: Mapping[str, object]) -> None:
        variables = self._environment(commands.parameter_variables(parameters))
        log = TaskLog()
        words = commands.init(self.context)
        command = commands.process(self.context, words, variables, name="the run's beginning")
        code = self.executor.run(command, log.add)
        if code != 0 or not self.datastore.begun():
            raise InitFailed(
                f"Metaflow could not begin run {self.context.run_id} (exit code {code}):\n{log.tail}",
                fix="correct the cause in this output; no step has run",
            )

    def attempt(
        self, task: TaskState, number: int, show: Callable[[Stream, str], None]
    ) -> TaskRecord:
        """Execute one attempt of *task*, note its result there, and return what the attempt left.

        *number* counts this execution's attempts from 0. A task that an earlier execution of the
        run has finished is not executed again.

        Raises:
            StepFailed: the attempt failed; `task.is_final` says whether the task may be tried again.
        """
        launch = task.launch
        if self.resumes:
            record = self.datastore.record(launch.place)
            if record is not None:
                self._complete(launch)
                return _succeeded(task, record)
            self._read_spent(task)
        number += task.spent
        task.number = number
        log = TaskLog()
        clone = self.clonable(task) if number == 0 else None
        code = self._execute(launch, number, clone, log, show)
        record = self.datastore.record(launch.place, number) if code == 0 else None
        if record is not None:
            if clone is not None:
                # Its logs and its end were cloned with it.
                task.is_cloned = True
            else:
                self._save(launch, number, log, code)
            self._copy(MetadataCopy.keep_now_and_then)
            return _succeeded(task, record)
        task.error = self._failure(task, code, log)
        if code != 0:
            log.note(exit_messages.metaflow_last_line(code))
        self._save(launch, number, log, code)
        step = self.steps[launch.place.step]
        if code in (EXIT_DISALLOW_RETRY, 0) or number >= step.task.retries:
            task.is_final = True
        raise task.error

    def _complete(self, launch: Launch) -> None:
        """Register a finished task whose flow process was killed before it could."""
        unregistered = self.datastore.unregistered(launch.place)
        if unregistered is None:
            return
        root = (self.context.program.datastore, self.datastore.root)
        self.metadata.complete(launch.place, unregistered.attempt, unregistered.artifacts, root)
        self.datastore.save_exit(launch.place, unregistered.attempt, 0)

    def close(self) -> None:
        """End all commands that are still running; safe to call twice."""
        self._is_closed = True
        self.executor.stop()

    def dispose(self) -> None:
        """Store what only this machine has, and remove temporary files; the session cannot be used afterwards."""
        self._copy(MetadataCopy.keep)
        if self.context.config_file is not None:
            Path(self.context.config_file).unlink(missing_ok=True)
        self._processes.dispose()

    def _copy(self, do: Callable[[MetadataCopy], object]) -> None:
        """Copy the run's metadata, if it has to be copied."""
        if self.metadata_copy is None:
            return
        try:
            do(self.metadata_copy)
        except Exception as error:  # noqa: BLE001  a failure to copy metadata must not fail the run
            self.say(f"The run's metadata could not be copied: {error}")

    def clonable(self, task: TaskState) -> str | None:
        """Return the task to take over from the origin run; only where every input was taken over too."""
        origin, launch = self.options.origin, task.launch
        if origin is None or launch.is_control or not task.are_inputs_cloned:
            return None
        place = launch.place
        return origin.task(place.step, place.indices, place.iteration)

    def _execute(
        self,
        launch: Launch,
        number: int,
        clone: str | None,
        log: TaskLog,
        show: Callable[[Stream, str], None],
    ) -> int:
        from metaflow.util import compress_list

        step = self.steps[launch.place.step]
        attempt = commands.Attempt(
            launch=launch,
            step=step,
            number=number,
            input_paths=compress_list(launch.inputs),
            clone=clone,
        )
        limit = step.task.timeout_seconds
        own = self._processes.of(step.name)
        captured = self.options.captured.steps.get(step.name, {})
        command = commands.process(
            self.context,
            commands.step(self.context, attempt, python=own.python),
            self._environment({**own.variables, **captured}),
            name=step.name,
            limit_seconds=None if limit is None else limit + _TIMEOUT_GRACE_SECONDS,
        )
        return self.executor.run(command, lambda stream, line: show(stream, log.add(stream, line)))

    def _read_spent(self, task: TaskState) -> None:
        """Find out, once, how many attempts earlier executions have used up; at least one is left."""
        if not task.is_spent_known:
            place = task.launch.place
            task.spent = min(self.datastore.attempts(place), self.steps[place.step].task.retries)
            task.is_spent_known = True

    def _save(self, launch: Launch, number: int, log: TaskLog, code: int) -> None:
        is_killed = self._is_closed and code != 0
        self.datastore.save_exit(launch.place, number, code, is_killed=is_killed)
        self.datastore.save_logs(launch.place, number, log.streams())

    def _failure(self, task: TaskState, code: int, log: TaskLog) -> StepFailed:
        import metaflow

        ends = exit_messages.last_lines(log.tail.splitlines(), Path(metaflow.__file__).parent)
        lines = "\n".join(f"  {line}" for line in ends)
        place = task.launch.place
        ending = self.memory.why_killed(place.step, code) or exit_messages.describe(code)
        pathspec = f"{self.context.program.flow}/{self.datastore.path(place)}"
        return StepFailed(
            f"Step {place.step} failed ({task.label}, {pathspec}). {ending}",
            output=lines,
            user_retries=self.steps[place.step].user_retries,
        )

    def _environment(self, extra: Mapping[str, str]) -> Mapping[str, str]:
        fixed = {name: self.environment[name] for name in ("PYTHONUNBUFFERED", RUN_ID_VARIABLE)}
        return {**self.environment, **extra, **fixed}


def _succeeded(task: TaskState, record: TaskRecord) -> TaskRecord:
    task.record, task.error = record, None
    return record


def _metadata_copy(
    program: Program, datastore: RunDatastore, part: str | None
) -> MetadataCopy | None:
    """Return the copier of local metadata to the datastore, or None if both are the same files."""
    if program.metadata != "local" or program.datastore == "local":
        return None
    return MetadataCopy(datastore, part)


def _write_config(config: str | None) -> str | None:
    """Write the configuration where Metaflow's commands of this execution can read it; owner only."""
    if config is None:
        return None
    descriptor, path = tempfile.mkstemp(prefix="metaflow-prefect-config-", suffix=".json")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(config)
    return path
