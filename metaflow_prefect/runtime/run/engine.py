"""Runs a dispatcher's launches as Prefect task runs: one Metaflow task is one task run."""

from __future__ import annotations

import logging
import os
import queue
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from metaflow_prefect import names
from metaflow_prefect.errors import MetaflowPrefectError, StepFailed
from metaflow_prefect.runtime.flow.dispatcher import Dispatcher, Launch, TaskPlace
from metaflow_prefect.runtime.flow.graph import End, Step
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.progress import prefect_log_filter
from metaflow_prefect.runtime.progress.model import Change, State
from metaflow_prefect.runtime.progress.run_artifact_publisher import Publisher
from metaflow_prefect.runtime.progress.terminal_table import duration
from metaflow_prefect.runtime.run import deployment_inputs, events, pinned_code, task_reports
from metaflow_prefect.runtime.run.launch_options import NO_OPTIONS, OPTIONS
from metaflow_prefect.runtime.run.session import Session
from metaflow_prefect.runtime.run.suspension import Suspension
from metaflow_prefect.runtime.servers.connection import is_embedded
from metaflow_prefect.runtime.servers.recording import wait_until_recorded
from metaflow_prefect.runtime.steps import retry_delay
from metaflow_prefect.runtime.steps.executor import Stream

_MAX_EDGES = 50
"""Edges drawn into one task run: Prefect's graph query grows with their square behind a wide join."""

_FAILURE_GRACE_SECONDS = 5.0
"""What running tasks get to finish when another one failed (`NativeRuntime._killall`)."""


_REMINDER_SECONDS = 30.0
"""How long a run is silent that waits for an attempt to begin; then twice as long, and so on."""


class _Run(NamedTuple):
    session: Session
    reporter: task_reports.Reporter


_RUN: ContextVar[_Run] = ContextVar("metaflow_prefect_run")


def execute(
    program: Program,
    steps: tuple[Step, ...],
    parameters: Mapping[str, object],
    triggered_by: list[dict[str, Any]] | None = None,
) -> None:
    """Execute the whole flow; called from the generated flow function.

    *triggered_by* lists the events that started the run, where a deployment's automation did.

    Raises:
        Pause: somebody suspended the flow run; it goes on when it is executed again.
        StepFailed: a step failed for good.
        InitFailed: Metaflow refused to begin the run.
    """
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    assert context is not None  # noqa: S101  only ever called inside a flow run
    assert context.flow_run is not None  # noqa: S101
    prefect_log_filter.install()
    run_id = names.run_id(context.flow_run.id)
    say = task_reports.flow_log()
    program, steps = pinned_code.of_run(context, run_id, program, steps, say)
    options = deployment_inputs.completed(
        OPTIONS.get(), program, steps, context.flow_run, triggered_by or ()
    )
    session = Session.open(program, steps, run_id, options, say)
    workers = getattr(context.task_runner, "_max_workers", 1)
    schedule = _Schedule(session, steps, workers, Suspension(context.flow_run))
    session.current.begin(program.flow, run_id, steps)
    publisher = Publisher(
        session.current, steps, context.flow_run.id, say, is_continued=session.resumes
    )
    reporter = task_reports.Reporter(session, context.flow_run)
    token = _RUN.set(_Run(session, reporter))
    try:
        with publisher.publishing(), reporter.reporting():
            task_reports.run_begins(program.flow, run_id, session.resumes)
            if options.on_begin is not None:
                options.on_begin(program.flow, run_id)
            _run_to_the_end(session, schedule, parameters)
    finally:
        session.dispose()
        _RUN.reset(token)
        if is_embedded():
            wait_until_recorded(context.flow_run.id, schedule.task_runs)


def _run_to_the_end(
    session: Session, schedule: _Schedule, parameters: Mapping[str, object]
) -> None:
    from prefect.exceptions import Pause

    ending, failure = State.FAILED, ""
    try:
        session.begin(parameters)
        schedule.run()
        ending = State.DONE
    except Pause:
        ending = State.SUSPENDED
        raise
    except MetaflowPrefectError as error:
        failure = str(error)
        raise
    finally:
        session.close()
        session.current.finish(ending, failure)


def run_step(label: str) -> None:
    """Execute one attempt of the task called *label*; called from the generated Prefect tasks.

    Raises:
        StepFailed: the attempt failed.
    """
    from prefect.context import TaskRunContext
    from prefect.logging import get_run_logger

    session, reporter = _RUN.get()
    context = TaskRunContext.get()
    assert context is not None  # noqa: S101  only ever called inside a task run
    logger = get_run_logger()
    number = max(context.task_run.run_count, 1) - 1
    step = session.launches[label].place.step
    session.current.record(step, Change.STARTED)
    try:
        record = session.attempt(label, number, _show(logger))
    except StepFailed:
        if label not in session.final:
            task: Any = context.task  # as `_prefect_task` has made it
            session.current.record(step, Change.RETRYING, task.retry_delay_seconds)
            if task.retry_delay_seconds:
                logger.info("%s", _tried_again(task.retry_delay_seconds))
        raise
    finally:
        reporter.identify(label, context.task_run.id, logger)
    reporter.task_is_done(label, context.task_run.id, record)
    is_last = isinstance(session.steps[context.task.name].then, End)
    events.step_finished(session.context.program, record.report.path, is_last=is_last)


def _tried_again(seconds: float) -> str:
    is_ours_to_start = OPTIONS.get() is not NO_OPTIONS
    hint = f" ({retry_delay.OPTION} SECONDS shortens the pause)" if is_ours_to_start else ""
    return f"failed; it is tried again in {duration(seconds)}{hint}"


def _show(logger: Any) -> Callable[[Stream, str], None]:
    def show(_stream: Stream, line: str) -> None:
        if line:
            logger.log(logging.INFO, "%s", line)

    return show


class _Schedule:
    """The loop between the dispatcher and Prefect's task runner; lives in the flow's own thread."""

    def __init__(
        self, session: Session, steps: tuple[Step, ...], workers: int, suspension: Suspension
    ) -> None:
        self._session = session
        self._workers = workers
        self._suspension = suspension
        self._dispatcher = Dispatcher(steps)
        self._tasks = {step.name: _prefect_task(step, session) for step in steps}
        self._ready: deque[Launch] = deque()
        self._running: dict[str, tuple[Launch, Any]] = {}
        self._futures: dict[TaskPlace, Any] = {}
        self._finished: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._failed: list[str] = []
        self.task_runs = 0

    def run(self) -> None:
        """Run until nothing is left to do.

        Raises:
            Pause: the flow run was suspended, and the tasks that were running are done.
            StepFailed: a task failed for good; the others were given a moment, then ended.
        """
        self._queue([self._dispatcher.begin(self._session.datastore.parameters_path())])
        while self._ready or self._running:
            suspended = self._suspension.state() if self._ready else None
            if suspended is not None:
                self._stop_for_now(suspended)
            self._submit_what_fits()
            self._settle(self._next_finished())
            if self._failed:
                self._wind_down()
        if not self._dispatcher.is_complete:
            message = "The flow stopped before its last step: a join did not get all of its inputs."
            raise StepFailed(
                message, fix="see in the run's graph which branch has not reached the join"
            )

    def _stop_for_now(self, state: Any) -> None:
        """Let running tasks finish and leave the rest to a later execution of this flow run.

        Raises:
            Pause: always, unless one of those tasks fails.
        """
        from prefect.exceptions import Pause

        while self._running:
            self._settle(self._finished.get())
        if not self._failed:
            raise Pause(state=state)
        self._wind_down()

    def _next_finished(self) -> str:
        """Wait for the next task that ends; say now and then what is waited for where nothing else goes on."""
        patience = _REMINDER_SECONDS
        while (label := self._finished_within(patience)) is None:
            if self._say_what_is_waited_for():
                patience *= 2
        return label

    def _finished_within(self, seconds: float) -> str | None:
        try:
            return self._finished.get(timeout=seconds)
        except queue.Empty:
            return None

    def _say_what_is_waited_for(self) -> bool:
        """Say which task is tried again next, unless others run; whether there was anything to say."""
        progress = self._session.current.value
        steps = () if progress is None else progress.steps
        now = time.time()
        pauses = [(seconds, step.name) for step in steps if (seconds := step.pause(now))]
        if not pauses or any(step.running for step in steps):
            return False
        seconds, name = min(pauses)
        self._session.say(f"{name} is tried again in {duration(seconds)}.")
        return True

    def _submit_what_fits(self) -> None:
        while self._ready and len(self._running) < self._workers:
            launch = self._ready.popleft()
            label = launch.place.label
            self._session.launches[label] = launch
            # They are all done: this only draws the edges of Prefect's graph.
            edges = [self._futures[parent] for parent in launch.parents[:_MAX_EDGES]]
            future = self._tasks[launch.place.step].submit(label, wait_for=edges or None)
            self._running[label] = (launch, future)
            self.task_runs += 1
            future.add_done_callback(lambda _, label=label: self._finished.put(label))

    def _settle(self, label: str) -> None:
        launch, future = self._running.pop(label)
        self._futures[launch.place] = future
        self._session.launches.pop(label)
        record = self._session.records.pop(label, None)
        # Already done; without it the future would ask the server for its state.
        future.wait()
        if record is None or not future.state.is_completed():
            self._failed.append(label)
            self._session.current.record(launch.place.step, Change.FAILED)
            if label not in self._session.errors:
                reason = future.state.message or future.state.name
                self._session.errors[label] = StepFailed(
                    f"Step {launch.place.step} failed ({label}): {reason}"
                )
            return
        change = Change.REUSED if self._session.is_reused(label) else Change.DONE
        self._session.current.record(launch.place.step, change)
        self._queue(self._dispatcher.finished(launch.place, record.report))

    def _queue(self, launches: list[Launch]) -> None:
        for launch in launches:
            self._session.current.record(launch.place.step, Change.QUEUED)
        self._ready.extend(launches)

    def _wind_down(self) -> None:
        """Let running tasks finish for a moment, end the rest, and fail.

        Raises:
            StepFailed: always; it names the first failure and how many there were.
        """
        deadline = time.monotonic() + _FAILURE_GRACE_SECONDS
        self._ready.clear()
        while self._running:
            try:
                self._settle(self._finished.get(timeout=max(deadline - time.monotonic(), 0.01)))
            except queue.Empty:
                self._session.final.update(self._running)
                self._session.close()
                self._settle(self._finished.get())
            self._ready.clear()
        # Without the task's own traceback, which Prefect has logged where it happened.
        raise self._session.errors[self._failed[0]].with_traceback(None)


def _prefect_task(step: Step, session: Session) -> Any:
    from prefect.cache_policies import NO_CACHE

    task: Any = step.task.with_options(  # type: ignore[attr-defined]  # the protocol names only what is read
        task_run_name="{label}",
        # Metaflow's datastore is the result store; Prefect would only hash and keep the label.
        cache_policy=NO_CACHE,
        persist_result=False,
        retry_condition_fn=lambda _task, run, _state: run.name not in session.final,
    )
    # Prefect cannot end a process, only warn of that for every task; the session enforces the limit.
    task.timeout_seconds = None
    task.retry_delay_seconds = min(task.retry_delay_seconds or 0, retry_delay.limit(os.environ))
    return task
