"""The emulator as a whole, without HTTP: its state, its resources, and what runs."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from northflank_emulator.domain.account import AccountItems
from northflank_emulator.domain.builds import Builds
from northflank_emulator.domain.context import World
from northflank_emulator.domain.cron_scheduler import Schedule, ScheduleHands
from northflank_emulator.domain.jobs import Jobs
from northflank_emulator.domain.projects import Projects
from northflank_emulator.domain.runs import Hands, Runs
from northflank_emulator.domain.secrets import Secrets
from northflank_emulator.domain.services import BuildServices
from northflank_emulator.domain.webhooks import Webhooks
from northflank_emulator.execution import images
from northflank_emulator.execution.log_writer import LogKeeper
from northflank_emulator.execution.metrics import MetricBook
from northflank_emulator.execution.process import ProcessExecutor
from northflank_emulator.execution.run_supervisor import Supervisor, Surroundings
from northflank_emulator.execution.scripted import Outcome, ScriptedExecutor
from northflank_emulator.execution.webhook_delivery import DeliveryReport, Outbox
from northflank_emulator.faults import Fault, Faults
from northflank_emulator.fields import resource_fields
from northflank_emulator.settings import Settings
from northflank_emulator.state import run_state
from northflank_emulator.state.clock import Clock, SystemClock
from northflank_emulator.state.ids import Ids
from northflank_emulator.state.models import Builder, BuilderKind, Ending, Event, Job, Run
from northflank_emulator.state.store import Store

_log = logging.getLogger(__name__)
_FIRST_BRANCH = "main"


class Api:
    """Everything one emulator has and can do. Made and used on one event loop."""

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
        self.metrics = MetricBook()
        self.log_keeper = LogKeeper(self.store.logs, settings.limits.log_characters_per_run)
        self.world = World(
            store=self.store,
            clock=self.clock,
            ids=Ids(settings.seed),
            settings=settings,
            tell=self._tell,
            later=_later,
        )
        self.projects = Projects(self.world)
        self.secrets = Secrets(self.world)
        self.builds = Builds(self.world)
        self.services = BuildServices(self.world, self.builds.forget)
        self.tags = _tags(self.world)
        self.registries = _registries(self.world)
        self.webhooks = Webhooks(self.world)
        self.runs = Runs(self.world, self.builds, Hands(begin=self._begin, stop=self._stop))
        self.jobs = Jobs(self.world, self._leave)
        self._outbox = _outbox(self.world, self.webhooks)
        self._executor = _executor(settings, self.clock, outcomes)
        self.supervisor = Supervisor(self._surroundings(), self._executor, self.runs.prepare)

    def start(self) -> None:
        """Make what the settings name, and report runs that died with an earlier emulator."""
        for name in self.settings.projects:
            self._furnish(self.projects.ensure(name).id)
        for tag in self.settings.tags:
            self.tags.ensure(tag)
        for registry in self.settings.registries:
            self.registries.ensure(registry)
        self.builds.abandon()
        for run in self.store.runs:
            if run.conclusion is None:
                self.store.runs.put(run_state.lost(run, self.clock.now()))

    async def stop(self) -> None:
        """End every run and close the state."""
        await self.supervisor.shut_down()
        await self._outbox.close()
        self._executor.close()
        self.store.close()

    def _furnish(self, project: str) -> None:
        """Give *project* the build services that the settings name, each with an image."""
        for name in self.settings.build_services:
            service = self.services.ensure(project, name)
            builder = Builder(project=project, kind=BuilderKind.SERVICE, id=service.id)
            self.builds.ensure(builder, _FIRST_BRANCH)

    def _leave(self, job: Job) -> None:
        """Take away what a deleted job has going on and what was built for it."""
        self.runs.stop_all(job)
        self.builds.forget(Builder(project=job.project, kind=BuilderKind.JOB, id=job.id))

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            store=self.store,
            clock=self.clock,
            ids=self.world.ids,
            faults=self.faults,
            pace=self.settings.pace,
            logs=self.log_keeper,
            tell=self._tell,
        )

    def _begin(self, run: Run) -> None:
        self.supervisor.begin(run)

    def _stop(self, run_id: str, ending: Ending) -> None:
        self.supervisor.stop(run_id, ending)

    @property
    def scripted(self) -> bool:
        """Whether outcomes are replayed, and nothing is executed."""
        return isinstance(self._executor, ScriptedExecutor)

    def measure(self) -> None:
        """Look at what containers use, which also ends those that use too much memory."""
        if not self.supervisor.idle():
            self.metrics.record(self.supervisor.usage(), self.clock.now())

    def schedule(self) -> Schedule:
        """The schedule of the cron jobs, from now on."""

        def start(job: Job) -> Run:
            return self.runs.start(job.project, job.id, {}, scheduled=True)

        def stop(run: Run) -> None:
            self.runs.abort(run.project, run.job, run.id)

        return Schedule(self.store, ScheduleHands(start=start, stop=stop), self.clock.now())

    def _tell(self, event: Event) -> None:
        _log.debug("event %s in %s", event.name, event.project)
        for webhook in self.webhooks.subscribers(event):
            self._outbox.post(webhook, event)


def _later(seconds: float, action: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, action)


def _tags(world: World) -> AccountItems:
    return AccountItems(
        world=world,
        what="tag",
        table=world.store.tags,
        create_rule=resource_fields.CREATE_TAG,
        patch_rule=resource_fields.PATCH_TAG,
    )


def _registries(world: World) -> AccountItems:
    return AccountItems(
        world=world,
        what="registry credential",
        table=world.store.registries,
        create_rule=resource_fields.CREATE_REGISTRY,
        patch_rule=resource_fields.PATCH_REGISTRY,
    )


def _outbox(world: World, webhooks: Webhooks) -> Outbox:
    report = DeliveryReport(
        delivered=webhooks.delivered, failed=webhooks.failed, disable=webhooks.disable
    )
    return Outbox(world.store, world.ids, world.settings.pace.webhook_retry, report)


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
