"""What a generated file calls: a whole flow as a Prefect flow run, one attempt of a task in a Prefect task run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from metaflow_prefect import names
from metaflow_prefect.errors import MetaflowPrefectError, SettingRefused, StepFailed
from metaflow_prefect.runtime.flow.dispatcher import Dispatcher, Launch
from metaflow_prefect.runtime.flow.graph import End, Step
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.progress import prefect_log_filter
from metaflow_prefect.runtime.progress.in_words import duration
from metaflow_prefect.runtime.progress.model import Change, Progress, State
from metaflow_prefect.runtime.progress.run_artifact import Containers
from metaflow_prefect.runtime.progress.run_artifact_publisher import Publisher
from metaflow_prefect.runtime.run import (
    deployment_inputs,
    events,
    pinned_code,
    step_runs,
    task_reports,
)
from metaflow_prefect.runtime.run.admission import Capacity
from metaflow_prefect.runtime.run.container_report import ContainerReport
from metaflow_prefect.runtime.run.container_usage import ControlGroup
from metaflow_prefect.runtime.run.launch_options import NO_OPTIONS, OPTIONS
from metaflow_prefect.runtime.run.merged_events import merging
from metaflow_prefect.runtime.run.recording_lag import RecordingLag, recorded_tasks
from metaflow_prefect.runtime.run.scheduler import Plan, Scheduler
from metaflow_prefect.runtime.run.session import Session
from metaflow_prefect.runtime.run.step_costs import StepCosts
from metaflow_prefect.runtime.run.suspension import Suspension
from metaflow_prefect.runtime.servers.connection import is_embedded
from metaflow_prefect.runtime.servers.recording import wait_until_recorded
from metaflow_prefect.runtime.steps import step_options
from metaflow_prefect.runtime.steps.executor_protocol import Stream
from metaflow_prefect.runtime.store import s3_credentials


class _Run(NamedTuple):
    """What the tasks of a run need, beside their labels."""

    session: Session
    scheduler: Scheduler
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
        Pause: the flow run was suspended; it goes on when it is executed again.
        StepFailed: a step failed, and is not tried again.
        InitFailed: Metaflow refused to begin the run.
        SettingRefused: the run has no credentials for its datastore.
    """
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    assert context is not None  # noqa: S101  only ever called inside a flow run
    assert context.flow_run is not None  # noqa: S101  as above
    prefect_log_filter.install()
    _check_credentials(program)
    run_id = names.run_id(context.flow_run.id)
    say = task_reports.flow_log()
    program, steps = pinned_code.of_run(context, run_id, program, steps, say)
    options = deployment_inputs.completed(
        OPTIONS.get(), program, steps, context.flow_run, triggered_by or ()
    )
    group = ControlGroup.own() if context.flow_run.deployment_id is not None else None
    container = ContainerReport.of(context.flow_run, group, options.environment)
    session = Session.open(program, steps, run_id, options, say, container=group)
    dispatcher = Dispatcher(steps)
    scheduler = _scheduler(context, session, Suspension(context.flow_run), dispatcher)
    options.progress.begin(program.flow, run_id, steps)
    publisher = Publisher(
        options.progress,
        steps,
        context.flow_run.id,
        say,
        is_continued=session.resumes,
        about_containers=_about(container, StepCosts.of(context.flow_run, options.environment)),
    )
    reporter = task_reports.Reporter(session, context.flow_run)
    token = _RUN.set(_Run(session, scheduler, reporter))
    try:
        with (
            merging(),
            publisher.publishing(),
            reporter.reporting(),
            container.recording(say),
            step_runs.containers(session, scheduler, context.flow_run),
        ):
            task_reports.run_begins(program.flow, run_id, session.resumes)
            if options.on_begin is not None:
                options.on_begin(program.flow, run_id)
            first = dispatcher.begin(session.datastore.parameters_path())
            _run_to_the_end(session, scheduler, lambda: session.begin(parameters), [first])
    finally:
        session.dispose()
        _RUN.reset(token)
        if is_embedded():
            wait_until_recorded(context.flow_run.id, scheduler.task_runs)


def _check_credentials(program: Program) -> None:
    if s3_credentials.are_missing(program.datastore):
        raise SettingRefused(
            f"There are no AWS credentials for the datastore of {program.flow}, which is in S3.",
            fix=s3_credentials.HOW_TO_GIVE_THEM,
        )


def _about(
    container: ContainerReport, step_costs: StepCosts
) -> Callable[[Progress, float], Containers]:
    """Return what says on the run's page what its containers cost and used."""

    def containers(progress: Progress, now: float) -> Containers:
        own = container.cost(progress, now)
        of_steps = step_costs.table(own, is_over=progress.ended is not None)
        return Containers(container.line(progress, now), of_steps)

    return containers


def execute_slice(program: Program, steps: tuple[Step, ...], tasks: Mapping[str, Any]) -> None:
    """Execute tasks of one step for another flow run; called from the generated flow function.

    *tasks* is what that flow run wrote (`SliceOrder.to_json`).

    Raises:
        StepFailed: a step failed, and is not tried again.
        InitFailed: Metaflow could not create a step's interpreter.
        SettingRefused: the run has no credentials for its datastore.
    """
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    assert context is not None  # noqa: S101  only ever called inside a flow run
    assert context.flow_run is not None  # noqa: S101  as above
    # Only in the container of a step.
    from metaflow_prefect.runtime.run.slice_tasks import SliceTasks, Watch
    from metaflow_prefect.runtime.step_containers.slice_parameters import SliceOrder

    prefect_log_filter.install()
    _check_credentials(program)
    order = SliceOrder.from_json(tasks)
    say = task_reports.flow_log()
    program, steps = pinned_code.of_run(context, order.run_id, program, steps, say)
    # The others run elsewhere: their packages are not installed here.
    steps = tuple(step for step in steps if step.name == order.launches[0].place.step)
    options = deployment_inputs.of_slice(OPTIONS.get(), steps, order, context.flow_run)
    group = ControlGroup.own()
    report = ContainerReport.of(context.flow_run, group, options.environment)
    session = Session.open(program, steps, order.run_id, options, say, container=group)
    plan = SliceTasks(order.launches)
    container = session.steps[order.launches[0].place.step].container
    at_once = 1 if container is None else container.at_once
    scheduler = _scheduler(context, session, Suspension(context.flow_run), plan, at_once)
    watch = Watch(order.parent, context.flow_run.id, scheduler.give_up, say)
    reporter = task_reports.Reporter(session, context.flow_run)
    token = _RUN.set(_Run(session, scheduler, reporter))
    try:
        watch.check()
        with (
            merging(),
            reporter.reporting(),
            report.recording(say),
            watch.watching(),
        ):
            _run_to_the_end(session, scheduler, session.join, plan.first)
    finally:
        session.dispose()
        _RUN.reset(token)


def _scheduler(
    context: Any, session: Session, suspension: Suspension, plan: Plan, at_once: int | None = None
) -> Scheduler:
    """Return a scheduler that runs as many tasks at the same time as the task runner has threads, or *at_once*.

    All steps with @northflank share a flow, and so a task runner with threads for the one that needs most.
    """
    threads: int = getattr(context.task_runner, "_max_workers", 1)
    workers = threads if at_once is None else at_once
    capacity = Capacity.of(session.options.environment)
    flow_run_id = context.flow_run.id
    lag = RecordingLag(lambda: recorded_tasks(flow_run_id), session.say)
    return Scheduler(session, workers, capacity, suspension, plan, lag)


def _run_to_the_end(
    session: Session, scheduler: Scheduler, begin: Callable[[], None], first: list[Launch]
) -> None:
    from prefect.exceptions import Pause

    ending, failure = State.FAILED, ""
    try:
        begin()
        scheduler.run(first)
        ending = State.DONE
    except Pause:
        ending = State.SUSPENDED
        raise
    except MetaflowPrefectError as error:
        failure = str(error)
        raise
    finally:
        session.close()
        session.options.progress.finish(ending, failure)


def run_step(label: str) -> None:
    """Execute one attempt of the task called *label*; called from the generated Prefect tasks.

    Raises:
        StepFailed: the attempt failed.
    """
    from prefect.context import TaskRunContext
    from prefect.logging import get_run_logger

    session, scheduler, reporter = _RUN.get()
    context = TaskRunContext.get()
    assert context is not None  # noqa: S101  only ever called inside a task run
    logger = get_run_logger()
    number = max(context.task_run.run_count, 1) - 1
    task, progress = scheduler.task(label), session.options.progress
    step = task.launch.place.step
    progress.record(step, Change.STARTED)
    try:
        record = session.attempt(task, number, _show(logger))
    except StepFailed:
        if not task.is_final:
            pause = scheduler.retry_delay(step)
            progress.record(step, Change.RETRYING, pause)
            if pause:
                logger.info("%s", _retry_line(pause))
        raise
    finally:
        reporter.identify(task, context.task_run.id, logger)
    reporter.task_is_done(task, context.task_run.id, record)
    is_last = isinstance(session.steps[step].then, End)
    events.step_finished(session.context.program, record.report.path, is_last=is_last)


def _retry_line(seconds: float) -> str:
    has_command = OPTIONS.get() is not NO_OPTIONS
    hint = f" ({step_options.RETRY_DELAY} SECONDS shortens the pause)" if has_command else ""
    return f"failed; it is tried again in {duration(seconds)}{hint}"


def _show(logger: Any) -> Callable[[Stream, str], None]:
    def show(_stream: Stream, line: str) -> None:
        if line:
            logger.log(logging.INFO, "%s", line)

    return show
