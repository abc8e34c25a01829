"""Carry out a deployment plan: what changes deployments on a Prefect server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan import automations
from metaflow_prefect.deploy.plan.options import Notification
from metaflow_prefect.deploy.plan.plan import DeploymentPlan, WorkQueue
from metaflow_prefect.deploy.plan.schedules import in_words
from metaflow_prefect.deploy.server import secret_block
from metaflow_prefect.deploy.server.deployment_record import DeploymentRecord
from metaflow_prefect.deploy.server.pages import all_pages
from metaflow_prefect.errors import DeploymentRefused, Refusals
from metaflow_prefect.runtime.step_containers import child_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """The deployment on the server. `url` is None if the server has no UI (the embedded one)."""

    id: str
    full_name: str
    url: str | None


def apply(client: Any, planned: DeploymentPlan, existing: DeploymentRecord | None) -> Deployed:
    """Create the deployment, or bring the *existing* one of that name up to date.

    Repeating it changes nothing. If it fails, a deployment or a queue that did not exist before does
    not exist afterwards.

    Raises:
        DeploymentRefused: Prefect does not know a schedule or a block; nothing was created.
    """
    from prefect.utilities.urls import url_for

    schedules = _schedules(planned, existing)
    blocks = {item.block: _block_id(client, item.block) for item in planned.notifications}
    with contextlib.ExitStack() as undo:
        new_queue = _make_queue(client, planned)
        if new_queue is not None:
            undo.callback(client.delete_work_queue_by_id, new_queue)
        if existing is None:
            # By its name: the server may have created it although its answer was lost.
            undo.callback(_delete_if_there, client, planned.full_name)
        # First: the deployment's runs ask for them.
        for steps in planned.steps:
            if existing is None:
                undo.callback(_delete_if_there, client, steps.full_name)
            _create(client, steps, [])
        deployment_id = str(_create(client, planned, schedules))
        if existing is None:
            undo.callback(secret_block.delete, client, deployment_id)
        secret_block.save(client, deployment_id, planned.captured)
        _synchronize(client, planned, deployment_id, blocks)
        _delete_obsolete_for_steps(client, planned, deployment_id)
        undo.pop_all()
    url = url_for("deployment", obj_id=deployment_id, default_base_url=None)
    return Deployed(id=deployment_id, full_name=planned.full_name, url=url)


def set_paused(client: Any, record: DeploymentRecord, *, is_paused: bool) -> None:
    """Pause all schedules of the deployment, or resume them, including those that were paused one by one."""
    if is_paused:
        client.pause_deployment(record.id)
        return
    client.resume_deployment(record.id)
    for schedule in record.schedules:
        if not schedule.is_active:
            client.update_deployment_schedule(record.id, schedule.id, active=True)


def delete(client: Any, record: DeploymentRecord) -> None:
    """Remove the deployment with its schedules, automations and secrets; runs under way go on."""
    for automation in _automations(client, record.full_name, record.id):
        client.delete_automation(automation.id)
    secret_block.delete(client, record.id)
    for deployment in _for_steps(client, record.full_name):
        client.delete_deployment(deployment.id)
    client.delete_deployment(record.id)


def _for_steps(client: Any, full_name: str) -> list[Any]:
    """Return the deployments that give the steps of the deployment *full_name* their containers."""
    from prefect.client.schemas import filters

    tags = filters.DeploymentFilterTags(all_=[child_runs.TAG, f"steps-of:{full_name}"])
    wanted = filters.DeploymentFilter(tags=tags)
    pages = all_pages(client.read_deployments, deployment_filter=wanted)
    return [deployment for page in pages for deployment in page]


def _delete_obsolete_for_steps(client: Any, planned: DeploymentPlan, deployment_id: str) -> None:
    """Remove the deployments that no step needs any more, unless a run under way may still ask for containers of them.

    What stays is removed by a later deploy.
    """
    # All of them belong to the same flow, Prefect's flow of the steps.
    wanted = {steps.name for steps in planned.steps}
    obsolete = [it for it in _for_steps(client, planned.full_name) if it.name not in wanted]
    if obsolete and not _has_runs_under_way(client, deployment_id):
        for deployment in obsolete:
            client.delete_deployment(deployment.id)


def _has_runs_under_way(client: Any, deployment_id: str) -> bool:
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import TERMINAL_STATES, StateType

    # A run that only waits for its time begins with the code of its deployment as it is then.
    under_way = [it for it in StateType if it not in {*TERMINAL_STATES, StateType.SCHEDULED}]
    state = filters.FlowRunFilterStateType(any_=under_way)
    found = client.read_flow_runs(
        deployment_filter=filters.DeploymentFilter(
            id=filters.DeploymentFilterId(any_=[deployment_id])
        ),
        flow_run_filter=filters.FlowRunFilter(state=filters.FlowRunFilterState(type=state)),
        limit=1,
    )
    return bool(found)


def _delete_if_there(client: Any, full_name: str) -> None:
    from prefect.exceptions import ObjectNotFound

    with contextlib.suppress(ObjectNotFound):
        client.delete_deployment(client.read_deployment_by_name(full_name).id)


def _create(client: Any, planned: DeploymentPlan, schedules: list[Any]) -> Any:
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions

    limit = planned.concurrency
    options = None
    if limit is not None:
        strategy = ConcurrencyLimitStrategy(limit.collision.name)
        options = ConcurrencyOptions(collision_strategy=strategy)
    return client.create_deployment(
        flow_id=client.create_flow_from_name(planned.flow_name),
        name=planned.name,
        version=planned.version,
        schedules=schedules,
        concurrency_limit=None if limit is None else limit.limit,
        concurrency_options=options,
        parameters=dict(planned.parameters),
        description=planned.description,
        work_pool_name=planned.work_pool,
        work_queue_name=None if planned.work_queue is None else planned.work_queue.name,
        tags=list(planned.tags),
        entrypoint=planned.entrypoint,
        parameter_openapi_schema=dict(planned.parameter_schema),
        paused=planned.is_paused,
        pull_steps=[dict(step) for step in planned.pull_steps],
        enforce_parameter_schema=True,
        job_variables=dict(planned.job_variables),
    )


def check(
    client: Any,
    pool: str,
    queue: WorkQueue | None,
    notifications: Iterable[Notification],
    refusals: Refusals,
) -> None:
    """Gather what the deployment refers to and the server does not have."""
    for item in notifications:
        with refusals.gather():
            _block_id(client, item.block)
    if queue is not None:
        with refusals.gather():
            _find_queue(client, queue, pool)


def known_schedule(schedule: ir.Schedule) -> Any:
    """Return the schedule as Prefect has it.

    Raises:
        DeploymentRefused: Prefect does not know it.
    """
    from prefect.client.schemas.schedules import CronSchedule

    try:
        return CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    except ValueError as error:
        raise DeploymentRefused(
            f"The schedule {in_words(schedule.cron, schedule.timezone)} is not one that Prefect knows; nothing was created.",
            fix="write it as minute, hour, day of month, month, day of week, each in its range, "
            "and the time zone as in Europe/Berlin",
        ) from error


def _schedules(planned: DeploymentPlan, existing: DeploymentRecord | None) -> list[Any]:
    """Return the schedules; those that were paused one by one, in Prefect, stay paused."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    held = () if existing is None or planned.is_paused is False else existing.schedules
    paused = {item.text for item in held if not item.is_active}
    return [
        DeploymentScheduleCreate(
            schedule=known_schedule(schedule),
            active=in_words(schedule.cron, schedule.timezone) not in paused,
        )
        for schedule in planned.schedules
    ]


def _block_id(client: Any, slug: str) -> str:
    from prefect.exceptions import ObjectNotFound

    kind, _, name = slug.partition("/")
    try:
        return str(client.read_block_document_by_name(name, kind).id)
    except ObjectNotFound:
        raise DeploymentRefused(
            f"There is no block {slug!r} on this server; nothing was created.",
            fix="create it in Prefect (for example a slack-webhook) and name it as TYPE/NAME",
        ) from None


def _make_queue(client: Any, planned: DeploymentPlan) -> Any | None:
    """Create the queue if it is missing, and return its id then."""
    queue = planned.work_queue
    if queue is None or _find_queue(client, queue, planned.work_pool) is not None:
        return None
    made = client.create_work_queue(
        queue.name, priority=queue.priority, work_pool_name=planned.work_pool
    )
    return made.id


def _find_queue(client: Any, queue: WorkQueue, pool: str) -> Any | None:
    """Return the queue, or None if it is missing.

    Raises:
        DeploymentRefused: it has another priority.
    """
    from prefect.exceptions import ObjectNotFound

    try:
        found = client.read_work_queue_by_name(queue.name, pool)
    except ObjectNotFound:
        return None
    if queue.priority is not None and found.priority != queue.priority:
        raise DeploymentRefused(
            f"Work queue {queue.name!r} of pool {pool} has priority {found.priority}, "
            f"not {queue.priority}; nothing was created.",
            fix="change the queue's priority in Prefect, or name another --work-queue",
        )
    return found


def _synchronize(
    client: Any, planned: DeploymentPlan, deployment_id: str, blocks: Mapping[str, str]
) -> None:
    """Make the automations of the deployment those that are planned, and touch no others.

    An unchanged automation stays, with the events it has counted so far. The server does not tell who owns
    an automation; those of the deployment are found by their names among all that are related to it.
    """
    from prefect.events.schemas.automations import AutomationCore

    present = _automations(client, planned.full_name, deployment_id)
    for body in automations.bodies(planned, deployment_id, blocks):
        wanted = AutomationCore.model_validate(body)
        same = [item for item in present if item.name == wanted.name]
        present = [item for item in present if item not in same[:1]]
        if not same:
            client.create_automation(wanted)
        elif _content(same[0]) != _content(wanted):
            # The owner can't be changed, and the server refuses a body that has it.
            del body["owner_resource"]
            client.update_automation(same[0].id, AutomationCore.model_validate(body))
    for obsolete in present:
        client.delete_automation(obsolete.id)


def _automations(client: Any, full_name: str, deployment_id: str) -> list[Any]:
    ours = automations.name(full_name, "")
    related = client.read_resource_related_automations(automations.owner(deployment_id))
    return [item for item in related if item.name.startswith(ours)]


def _content(automation: Any) -> dict[str, Any]:
    content: dict[str, Any] = automation.model_dump(exclude={"id", "owner_resource"})
    return content
