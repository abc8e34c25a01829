"""One execution of one run: its ids, its environment, its datastore, and how a single task is done.

Nothing here knows Prefect: `engine` calls it from Prefect's tasks.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from metaflow_prefect.errors import InitFailed, StepFailed
from metaflow_prefect.names import RUN_ID_VARIABLE
from metaflow_prefect.runtime.flow.dispatcher import Launch
from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.progress.current import Board
from metaflow_prefect.runtime.run.launch_options import LaunchOptions
from metaflow_prefect.runtime.steps import (
    client_namespace,
    commands,
    executor_choice,
    executor_option,
    exit_messages,
    working_directory,
)
from metaflow_prefect.runtime.steps.executor import StepExecutor, Stream
from metaflow_prefect.runtime.steps.fork_server import Warm
from metaflow_prefect.runtime.steps.step_processes import StepProcesses
from metaflow_prefect.runtime.steps.task_log import TaskLog
from metaflow_prefect.runtime.store.captured_environment import (
    NOTHING_CAPTURED,
    CapturedEnvironment,
)
from metaflow_prefect.runtime.store.datastore import RunDatastore, TaskRecord
from metaflow_prefect.runtime.store.metadata_copy import MetadataCopy
from metaflow_prefect.runtime.store.resume_origin import Origin
from metaflow_prefect.runtime.store.task_metadata import TaskMetadata

EXIT_DISALLOW_RETRY = 202
"""A step that ends with this code is not tried again (`metaflow.metaflow_config.METAFLOW_EXIT_DISALLOW_RETRY`)."""

_TIMEOUT_GRACE_SECONDS = 60.0
"""@timeout is enforced inside the step, as under Metaflow, so that @catch and the logs see it.
A step that does not obey, e.g. in a C call, is ended this much later."""


def _discard(_: object) -> None:
    """Take what is of no use here."""


@dataclass(slots=True)
class Session:
    """The mutable state of one execution; tasks use it from their own threads.

    `resumes` is True where an earlier execution of the same run has left tasks behind.
    `origin` is another run whose successful tasks are taken over; `cloned` holds the labels of those.
    `final` holds the labels of tasks that must not be tried again, `numbers` the Metaflow attempt
    that each task is at. `environment` is that of every command, as it was when the session was
    opened.
    """

    context: commands.RunContext
    steps: Mapping[str, Step]
    datastore: RunDatastore
    executor: StepExecutor
    environment: Mapping[str, str]
    resumes: bool
    metadata: TaskMetadata
    board: Board
    say: Callable[[str], None]
    metadata_copy: MetadataCopy | None = None
    origin: Origin | None = None
    kept: CapturedEnvironment = NOTHING_CAPTURED
    cloned: set[str] = field(default_factory=set)
    launches: dict[str, Launch] = field(default_factory=dict)
    records: dict[str, TaskRecord] = field(default_factory=dict)
    errors: dict[str, StepFailed] = field(default_factory=dict)
    final: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)
    _spent: dict[str, int] = field(default_factory=dict)
    _processes: StepProcesses = field(init=False)

    def __post_init__(self) -> None:
        self._processes = StepProcesses(self.context, self.executor, self._environment({}))

    @classmethod
    def open(
        cls,
        program: Program,
        steps: tuple[Step, ...],
        run_id: str,
        options: LaunchOptions,
        say: Callable[[str], None] = _discard,
    ) -> Session:
        """Prepare the execution of the run *run_id*; starts no task.

        *say* is told which steps are executed in fresh processes, and why.

        Raises:
            StaleGeneratedFile: the flow's file is missing or another one.
            SettingRefused: there is no such step executor.
        """
        how = executor_option.Choice.of(os.environ)
        local_folder = working_directory.prepare(program, os.environ)
        datastore = RunDatastore(
            program.flow, run_id, program.datastore, program.datastore_root, local_folder
        )
        context = commands.RunContext(
            program=program,
            python=sys.executable,
            flow_file=program.script,
            run_id=run_id,
            # Steps may work in another folder than this process; the root of an object store is an address.
            datastore_root=str(Path(datastore.root).absolute())
            if program.datastore == "local"
            else datastore.root,
            tags=(*program.tags, *options.tags),
            origin_run_id=None if options.origin is None else options.origin.run_id,
            config_file=_written(program.config),
            namespace=client_namespace.chosen(os.environ),
            parts=options.parts,
        )
        by_name = {step.name: step for step in steps}
        # A variable that is set here is somebody's decision for this place; the flow's import needs the others.
        given = {**options.kept.variables, **os.environ, **options.variables}
        given = working_directory.environment(program, given)
        environ = commands.environment(given, python=context.python, run_id=run_id)
        warm = Warm.of(commands.process(context, commands.top_level(context), environ))
        return cls(
            context,
            by_name,
            datastore,
            executor_choice.executor(how, warm, program.environment, say, options.ahead),
            environ,
            resumes=datastore.begun(),
            metadata=TaskMetadata(program.flow, run_id, program.metadata),
            board=options.board,
            say=say,
            metadata_copy=_metadata_copy(program, datastore),
            origin=options.origin,
            kept=options.kept,
        )

    def is_reused(self, label: str) -> bool:
        """Say whether the task was taken over from another run or an earlier execution of this one."""
        return label in self.cloned or label not in self.numbers

    def begin(self, parameters: Mapping[str, object]) -> None:
        """Let Metaflow register the run and store its parameters, unless that is done already.

        Raises:
            InitFailed: Metaflow refused, in its own words, or could not make a step's interpreter.
        """
        has_variables = any(step.environment for step in self.steps.values())
        self._processes.ask(has_variables=has_variables)
        if self.resumes:
            self._copy(MetadataCopy.fetch)
        else:
            self._init(parameters)
        self._processes.wait()

    def _init(self, parameters: Mapping[str, object]) -> None:
        variables = self._environment(commands.parameter_variables(parameters))
        log = TaskLog()
        words = commands.init(self.context)
        command = commands.process(self.context, words, variables, name="the run's beginning")
        code = self.executor.run(command, lambda stream, line: _discard(log.add(stream, line)))
        if code != 0 or not self.datastore.begun():
            raise InitFailed(
                f"Metaflow could not begin run {self.context.run_id} (exit code {code}):\n{log.tail}",
                fix="correct what it complains about; nothing of the run has been executed",
            )

    def attempt(self, label: str, number: int, show: Callable[[Stream, str], None]) -> TaskRecord:
        """Execute one attempt of the task called *label* and return what it left.

        `number` counts this execution's attempts from 0. A task that an earlier execution of the
        run has finished is not executed again.

        Raises:
            StepFailed: the attempt failed; whether it may be tried again is in `final`.
        """
        launch = self.launches[label]
        if self.resumes:
            record = self.datastore.record(launch.place)
            if record is not None:
                self._complete(launch)
                return self._keep(label, record)
            number += self._spent_before(label, launch)
        self.numbers[label] = number
        log = TaskLog()
        clone = self._clonable(launch) if number == 0 else None
        code = self._execute(launch, number, clone, log, show)
        record = self.datastore.record(launch.place, number) if code == 0 else None
        if record is not None:
            if clone is not None:
                # Its logs and its end were cloned with it.
                self.cloned.add(label)
            else:
                self._save(launch, number, log, code)
            self._copy(MetadataCopy.keep_now_and_then)
            return self._keep(label, record)
        error = self._failure(label, launch, code, log)
        if code != 0:
            log.note(exit_messages.metaflows_last_line(code))
        self._save(launch, number, log, code)
        step = self.steps[launch.place.step]
        if code in (EXIT_DISALLOW_RETRY, 0) or number >= step.task.retries:
            self.final.add(label)
        raise error

    def _complete(self, launch: Launch) -> None:
        """Finish what a kill has left half done of a task that is done."""
        unnoted = self.datastore.unnoted(launch.place)
        if unnoted is None:
            return
        root = (self.context.program.datastore, self.datastore.root)
        self.metadata.complete(launch.place, unnoted.attempt, unnoted.artifacts, root)
        self.datastore.save_exit(launch.place, unnoted.attempt, 0)

    def close(self) -> None:
        """End whatever is still running; safe to call twice."""
        self.executor.stop()

    def dispose(self) -> None:
        """Bring away what this machine alone has, and remove the rest; the session is of no use afterwards."""
        self._copy(MetadataCopy.keep)
        if self.context.config_file is not None:
            Path(self.context.config_file).unlink(missing_ok=True)
        self._processes.dispose()

    def _copy(self, do: Callable[[MetadataCopy], object]) -> None:
        """Copy the run's metadata where that is called for."""
        if self.metadata_copy is None:
            return
        try:
            do(self.metadata_copy)
        except Exception as error:  # noqa: BLE001  metadata is for people: it must never decide what a run does
            self.say(f"The run's metadata could not be copied: {error}")

    def _clonable(self, launch: Launch) -> str | None:
        """Return the task to take over from the origin run; only where every input was taken over too."""
        if self.origin is None or launch.is_control:
            return None
        if not all(parent.label in self.cloned for parent in launch.parents):
            return None
        place = launch.place
        return self.origin.task(place.step, place.indices, place.iteration)

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
        kept = self.kept.steps.get(step.name, {})
        command = commands.process(
            self.context,
            commands.step(self.context, attempt, python=own.python),
            self._environment({**own.variables, **kept}),
            name=step.name,
            limit_seconds=None if limit is None else limit + _TIMEOUT_GRACE_SECONDS,
        )
        return self.executor.run(command, lambda stream, line: show(stream, log.add(stream, line)))

    def _spent_before(self, label: str, launch: Launch) -> int:
        """Return how many attempts earlier executions have used up, leaving at least one."""
        if label not in self._spent:
            step = self.steps[launch.place.step]
            self._spent[label] = min(self.datastore.attempts(launch.place), step.task.retries)
        return self._spent[label]

    def _keep(self, label: str, record: TaskRecord) -> TaskRecord:
        self.records[label] = record
        self.errors.pop(label, None)
        return record

    def _save(self, launch: Launch, number: int, log: TaskLog, code: int) -> None:
        self.datastore.save_exit(launch.place, number, code)
        self.datastore.save_logs(launch.place, number, log.streams())

    def _failure(self, label: str, launch: Launch, code: int, log: TaskLog) -> StepFailed:
        import metaflow

        ends = exit_messages.last_lines(log.tail.splitlines(), Path(metaflow.__file__).parent)
        lines = "\n".join(f"  {line}" for line in ends)
        pathspec = f"{self.context.program.flow}/{self.datastore.path(launch.place)}"
        error = StepFailed(
            f"Step {launch.place.step} failed ({label}, {pathspec}). {exit_messages.in_words(code)}",
            output=lines,
            user_retries=self.steps[launch.place.step].user_retries,
        )
        self.errors[label] = error
        return error

    def _environment(self, extra: Mapping[str, str]) -> Mapping[str, str]:
        fixed = {name: self.environment[name] for name in ("PYTHONUNBUFFERED", RUN_ID_VARIABLE)}
        return {**self.environment, **extra, **fixed}


def _metadata_copy(program: Program, datastore: RunDatastore) -> MetadataCopy | None:
    """Return what keeps local metadata in the datastore, where these are not the same files anyway."""
    if program.metadata != "local" or program.datastore == "local":
        return None
    return MetadataCopy(datastore)


def _written(config: str | None) -> str | None:
    """Write the configuration where Metaflow's commands of this execution can read it; owner only."""
    if config is None:
        return None
    descriptor, path = tempfile.mkstemp(prefix="metaflow-prefect-config-", suffix=".json")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(config)
    return path
