"""The whole emulator without HTTP: its state, its resources, and the runs in progress."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from northflank_emulator.domain.account import AccountItems
from northflank_emulator.domain.builds import Builds
from northflank_emulator.domain.context import DomainContext
from northflank_emulator.domain.cron_scheduler import CronScheduler, ScheduleControl
from northflank_emulator.domain.jobs import Jobs
from northflank_emulator.domain.projects import Projects
from northflank_emulator.domain.runs import RunControl, Runs
from northflank_emulator.domain.secrets import Secrets
from northflank_emulator.domain.services import BuildServices
from northflank_emulator.domain.webhooks import Webhooks
from northflank_emulator.execution import images
from northflank_emulator.execution.log_writer import LogWriter
from northflank_emulator.execution.metrics import MetricStore
from northflank_emulator.execution.process import ProcessExecutor
from northflank_emulator.execution.run_supervisor import RunSupervisor, SupervisorDependencies
from northflank_emulator.execution.scripted import Outcome, ScriptedExecutor
from northflank_emulator.execution.webhook_delivery import DeliveryCallbacks, Outbox
from northflank_emulator.faults import Fault, Faults
from northflank_emulator.fields import resource_fields
from northflank_emulator.settings import Settings
from northflank_emulator.state import run_state
from northflank_emulator.state.clock import Clock, SystemClock
from northflank_emulator.state.ids import Ids
from northflank_emulator.state.models import Builder, BuilderKind, Ending, Job, Run, WebhookEvent
from northflank_emulator.state.store import Store

_log = logging.getLogger(__name__)
_FIRST_BRANCH = "main"


class Api:
    """The state and the operations of one emulator, all used on one event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        outcomes: Iterable[Outcome] | None = None,
        faults: Iterable[Fault] = (),
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.started_at = self.clock.now()
        self.store = Store(settings.state_dir)
        self.faults = Faults(settings.seed, faults)
        self.metrics = MetricStore()
        self.log_writer = LogWriter(self.store.logs, settings.limits.log_characters_per_run)
        self.domain = DomainContext(
            store=self.store,
            clock=self.clock,
            ids=Ids(settings.seed),
            settings=settings,
            publish=self._publish,
            call_later=_call_later,
        )
        self.projects = Projects(self.domain)
        self.secrets = Secrets(self.domain)
        self.builds = Builds(self.domain)
        self.services = BuildServices(self.domain, self.builds.forget)
        self.tags = _tags(self.domain)
        self.registries = _registries(self.domain)
        self.webhooks = Webhooks(self.domain)
        self.runs = Runs(self.domain, self.builds, RunControl(begin=self._begin, stop=self._stop))
        self.jobs = Jobs(self.domain, self._on_job_deleted)
        self._outbox = _outbox(self.domain, self.webhooks)
        self._executor = _executor(settings, self.clock, outcomes)
        self.supervisor = RunSupervisor(
            self._supervisor_dependencies(), self._executor, self.runs.prepare
        )

    def start(self) -> None:
        """Create what the settings name, and mark the runs of an earlier emulator as lost."""
        for name in self.settings.projects:
            self._add_build_services(self.projects.ensure(name).id)
        for tag in self.settings.tags:
            self.tags.ensure(tag)
        for registry in self.settings.registries:
            self.registries.ensure(registry)
        self.builds.fail_unfinished()
        for run in self.store.runs:
            if run.conclusion is None:
                self.store.runs.put(run_state.lost(run, self.clock.now()))

    async def stop(self) -> None:
        """End every run and close the state."""
        await self.supervisor.shut_down()
        await self._outbox.close()
        self._executor.close()
        self.store.close()

    def _add_build_services(self, project: str) -> None:
        """Add the build services that the settings name to *project*, each with a finished build."""
        for name in self.settings.build_services:
            service = self.services.ensure(project, name)
            builder = Builder(project=project, kind=BuilderKind.SERVICE, id=service.id)
            self.builds.ensure(builder, _FIRST_BRANCH)

    def _on_job_deleted(self, job: Job) -> None:
        """Stop the runs of a deleted job and remove its builds."""
        self.runs.stop_all(job)
        self.builds.forget(Builder(project=job.project, kind=BuilderKind.JOB, id=job.id))

    def _supervisor_dependencies(self) -> SupervisorDependencies:
        return SupervisorDependencies(
            store=self.store,
            clock=self.clock,
            ids=self.domain.ids,
            faults=self.faults,
            pace=self.settings.pace,
            logs=self.log_writer,
            publish=self._publish,
        )

    def _begin(self, run: Run) -> None:
        self.supervisor.begin(run)

    def _stop(self, run_id: str, ending: Ending) -> None:
        self.supervisor.stop(run_id, ending)

    @property
    def scripted(self) -> bool:
        """Whether runs replay scripted outcomes instead of starting processes."""
        return isinstance(self._executor, ScriptedExecutor)

    def measure(self) -> None:
        """Record what containers use, and kill those that exceed their memory limit."""
        if not self.supervisor.idle():
            self.metrics.record(self.supervisor.usage(), self.clock.now())

    def scheduler(self) -> CronScheduler:
        """Return a scheduler that starts cron jobs which fall due from now on."""

        def start(job: Job) -> Run:
            return self.runs.start(job.project, job.id, {}, scheduled=True)

        def stop(run: Run) -> None:
            self.runs.abort(run.project, run.job, run.id)

        return CronScheduler(self.store, ScheduleControl(start=start, stop=stop), self.clock.now())

    def _publish(self, event: WebhookEvent) -> None:
        _log.debug("event %s in %s", event.name, event.project)
        for webhook in self.webhooks.subscribers(event):
            self._outbox.post(webhook, event)


def _call_later(seconds: float, action: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, action)


def _tags(context: DomainContext) -> AccountItems:
    return AccountItems(
        context=context,
        what="tag",
        table=context.store.tags,
        create_rule=resource_fields.CREATE_TAG,
        patch_rule=resource_fields.PATCH_TAG,
    )


def _registries(context: DomainContext) -> AccountItems:
    return AccountItems(
        context=context,
        what="registry credential",
        table=context.store.registries,
        create_rule=resource_fields.CREATE_REGISTRY,
        patch_rule=resource_fields.PATCH_REGISTRY,
    )


def _outbox(context: DomainContext, webhooks: Webhooks) -> Outbox:
    report = DeliveryCallbacks(
        delivered=webhooks.delivered, failed=webhooks.failed, disable=webhooks.disable
    )
    return Outbox(context.store, context.ids, context.settings.pace.webhook_retry, report)


def _executor(
    settings: Settings, clock: Clock, outcomes: Iterable[Outcome] | None
) -> ProcessExecutor | ScriptedExecutor:
    if outcomes is not None:
        return ScriptedExecutor(outcomes, clock)
    environment = settings.image_environment
    known = (
        images.read(settings.images, environment)
        if settings.images
        else images.this_interpreter(environment)
    )
    return ProcessExecutor(known, clock, memory_limits=settings.memory_limits)
