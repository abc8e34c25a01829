"""Starts one container for each task that asks, and ends those whose tasks are gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from time import monotonic
from uuid import uuid4

from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import JobRun
from prefect_northflank.api.retry import TRANSIENT, LongRetry
from prefect_northflank.errors import NorthflankError, NotFound, StartInDoubt
from prefect_northflank.job.definition import JobRequest
from prefect_northflank.start.start_once import JobStarter, unclaimed

from metaflow_northflank.attempt import START_TOKEN
from metaflow_northflank.broker.active_runs import INTERVALS, ActiveRun, ActiveRuns
from metaflow_northflank.broker.call_allowance import AT_ONCE, CallAllowance
from metaflow_northflank.broker.conversation import Conversation, OtherSideGone
from metaflow_northflank.broker.diagnosis import Diagnosis, diagnose, what_it_waits_for
from metaflow_northflank.broker.step_jobs import StepJobs
from metaflow_northflank.broker.sweep import Sweep
from metaflow_northflank.broker.wording import problem
from metaflow_northflank.protocol import Message, News

PATIENCE_SECONDS = 600.0
"""How long a start retries failing calls."""

FINISH_SECONDS = 25.0
"""How long ending what still runs may take."""

FAILED, NEVER_AGAIN = 1, 202
"""The exit codes of a task: Metaflow retries the first."""

_FOR_WATCHING = AT_ONCE // 2
"""Calls that are left to the watch of all containers when tasks ask what theirs wait for: each answer costs one."""

_LOOKS_FOR_RUN, _BETWEEN_LOOKS_SECONDS = 4, 5.0
"""How often, and how far apart, to look for the run of a start whose response is lost."""


class AlreadyBegun(Exception):
    """An earlier start executes the task; another must not follow."""


class StartTokens:
    """The tokens of the requests for one start: the task has recorded the first, and records each further one."""

    def __init__(self, conversation: Conversation, first: str | None) -> None:
        self._conversation = conversation
        self._first = first

    async def environment(self) -> Mapping[str, str]:
        """Return the variable that tells the container of the next request from those before it.

        Raises:
            AlreadyBegun: the container of an earlier request executes the task.
        """
        token, self._first = self._first, None
        if token is None:
            token = uuid4().hex
            if not await self._conversation.record(token):
                raise AlreadyBegun
        return {START_TOKEN: token}


class Containers:
    """The containers of one run. With *leave* they go on when their tasks are gone; *again* replaces a dead broker."""

    def __init__(
        self,
        client: NorthflankClient,
        jobs: StepJobs,
        *,
        most: int,
        leave: bool = False,
        again: bool = False,
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._leave = leave
        self._again = again
        self._starter = JobStarter(client.without_waiting())
        self._active = ActiveRuns()
        self._of: dict[Conversation, ActiveRun] = {}
        self._places = asyncio.Semaphore(most)
        self._step_places = {
            step: asyncio.Semaphore(job.max_containers)
            for step, job in jobs.steps.items()
            if job.max_containers is not None
        }
        self._starts: set[asyncio.Task[ActiveRun | None]] = set()
        self._orphans: list[ActiveRun] = []
        self._finishing = asyncio.Lock()
        self._finished: list[str] | None = None
        self._is_closing = False
        self._allowance = CallAllowance()
        sweep = Sweep(client, jobs.project, self._active, self._allowance)
        self._sweep = asyncio.create_task(sweep.forever())

    # -- what tasks ask ----------------------------------------------------------------------------------------

    async def start(self, conversation: Conversation, message: Message) -> None:
        """Start a container, and keep its place until its task is over."""
        async with self._place(conversation, str(message["step"])):
            if self._is_closing or conversation.is_over.is_set():
                return
            task = asyncio.create_task(self._started(conversation, message))
            self._starts.add(task)
            task.add_done_callback(self._starts.discard)
            # A task that is gone leaves its start behind: what it brings has to be ended.
            run = await asyncio.shield(task)
            if run is not None:
                await self._follow(conversation, run)
            await conversation.is_over.wait()

    async def attach(self, conversation: Conversation, message: Message) -> None:
        """Follow a container that a broker before this one has started."""
        job, run = str(message["job"]), str(message["run"])
        await self._follow(conversation, _active_run(conversation, str(message["step"]), job, run))

    async def explain(self, conversation: Conversation) -> None:
        """Tell why the container ended."""
        run = self._of.get(conversation)
        if run is None:
            found = Diagnosis(reason="Northflank does not show its job run")
        else:
            job = self._jobs.steps[run.step]
            found = await diagnose(self._client, self._jobs.project, run, job)
        await conversation.tell(
            News.EXPLAINED,
            reason=found.reason,
            memory=found.is_about_memory,
            lines=list(found.lines),
        )

    async def say_what_it_waits_for(self, conversation: Conversation) -> None:
        """Tell what the container waits for, unless too many ask: then some answers stand for all."""
        run = self._of.get(conversation)
        if run is None or not self._allowance.take(leaving=_FOR_WATCHING):
            return
        job = self._jobs.steps[run.step]
        text = await what_it_waits_for(self._client, self._jobs.project, run, job)
        if text is not None:
            await conversation.tell(News.WAITING, text=text)

    # -- the end -----------------------------------------------------------------------------------------------

    async def finish(self, *, leave: bool) -> list[str]:
        """End what still runs and delete the jobs, or leave both; return what was done, in words."""
        async with self._finishing:
            if self._finished is None:
                self._finished = await self._finish(leave=leave)
            return self._finished

    async def _finish(self, *, leave: bool) -> list[str]:
        self._is_closing = True
        for task in self._starts:
            task.cancel()
        await asyncio.gather(*self._starts, return_exceptions=True)
        try:
            lines = await asyncio.wait_for(self._end(leave=leave), FINISH_SECONDS)
        except (TimeoutError, asyncio.TimeoutError):
            lines = ["Northflank did not answer in time. See what is left with `northflank list`."]
        self._sweep.cancel()
        await self._client.close()
        return lines

    async def _end(self, *, leave: bool) -> list[str]:
        running = [
            run
            for run in (*self._active.runs, *self._orphans)
            if not run.is_concluded
            and not run.conversation.is_done
            and not run.conversation.wants_end
        ]
        left = {run.job for run in running} if leave else set()
        if not leave:
            await asyncio.gather(*(self._abort(run) for run in running if not run.is_aborted))
        ended = sum(not leave or run.is_aborted for run in running)
        failed = await self._delete_jobs(left)
        lines = [f"{_count(ended)} ended."] if ended else []
        if left:
            lines.append(
                f"{_count(len(running))} left to finish; `resume` takes over what they have done by then, "
                "and `northflank kill` removes their jobs."
            )
        return [*lines, *failed]

    async def _delete_jobs(self, left: Collection[str]) -> list[str]:
        """Delete the run's jobs but those *left*; return what went wrong."""
        jobs = {*self._jobs.bodies, *self._active.known}
        if self._again:
            jobs |= await self._jobs_of_run()
        answers = await asyncio.gather(*(self._delete(name) for name in sorted(jobs - set(left))))
        return [answer for answer in answers if answer is not None]

    async def _jobs_of_run(self) -> set[str]:
        description = self._jobs.identity.description
        found: set[str] = set()
        with suppress(NorthflankError):
            async for job in self._client.jobs(self._jobs.project):
                if job.description == description:
                    found.add(job.id)
        return found

    async def _delete(self, job: str) -> str | None:
        try:
            await self._client.delete_job(self._jobs.project, job)
        except NotFound:
            return None
        except NorthflankError as error:
            return f"Job {job} could not be deleted: {problem(error)}"
        return None

    async def _abort(self, run: ActiveRun) -> None:
        run.is_aborted = True
        with suppress(NorthflankError):
            await self._client.abort_run(self._jobs.project, run.job, run.run)

    # -- one start ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _place(self, conversation: Conversation, step: str) -> AsyncIterator[None]:
        """Wait for a place within max_containers of the step and of the run."""
        places = [self._places, *filter(None, [self._step_places.get(step)])]
        if any(place.locked() for place in places):
            await conversation.tell(
                News.WAITING,
                text="The container waits until fewer run at the same time (max_containers).",
            )
        async with AsyncExitStack() as stack:
            for place in reversed(places):
                await stack.enter_async_context(place)
            yield

    async def _started(self, conversation: Conversation, message: Message) -> ActiveRun | None:
        """Start one job run; None if that is refused, or its task is gone."""
        step = str(message["step"])
        try:
            request = self._jobs.request(step, str(message["command"]), message["variables"])
            found = await self._run(conversation, request, message.get("token"))
        except OtherSideGone:
            return None
        except NorthflankError as error:
            code = FAILED if isinstance(error, TRANSIENT) else NEVER_AGAIN
            await conversation.tell(News.REFUSED, reason=problem(error), code=code)
            return None
        return None if found is None else _active_run(conversation, step, request.name, found)

    async def _run(
        self, conversation: Conversation, request: JobRequest, token: str | None
    ) -> str | None:
        """Return the id of the job run that executes the task; None if it is not to be found."""
        tokens = StartTokens(conversation, token)
        retry = LongRetry(
            max_seconds=PATIENCE_SECONDS,
            report=partial(_say, conversation),
            who="The run",
            describe=problem,
        )
        deadline = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                run = await self._starter.start(
                    self._jobs.project,
                    request,
                    retry=retry,
                    claimed=partial(self._claimed, request.name),
                    environment_of_start=tokens.environment,
                )
            except AlreadyBegun:  # noqa: PERF203  the calls are what takes time
                return await self._executing(request)
            except StartInDoubt:
                # A start with another token replaces one that may have happened.
                if monotonic() > deadline:
                    raise
            else:
                return run.id

    async def _claimed(self, job: str) -> Collection[str]:
        return self._active.known.get(job, set())

    async def _executing(self, request: JobRequest) -> str | None:
        """Return the active run of the job that no task follows."""
        claimed = partial(self._claimed, request.name)
        for _ in range(_LOOKS_FOR_RUN):
            found: list[JobRun] = []
            with suppress(NorthflankError):
                found = await unclaimed(
                    self._client, self._jobs.project, request.name, claimed=claimed
                )
            active = [run.id for run in found if not run.concluded]
            if active:
                return active[0]
            await asyncio.sleep(_BETWEEN_LOOKS_SECONDS)
        return None

    async def _follow(self, conversation: Conversation, run: ActiveRun) -> None:
        """Watch the job run until its task is over; end it if the task is gone."""
        self._active.add(run)
        self._of[conversation] = run
        patience = self._jobs.steps[run.step].settings.pending_timeout_seconds
        await conversation.tell(News.STARTED, job=run.job, run=run.run, patience=patience)
        await conversation.is_over.wait()
        self._active.remove(run)
        del self._of[conversation]
        if conversation.is_done or run.is_concluded:
            return
        self._orphans.append(run)
        if (conversation.wants_end or not self._leave) and not run.is_aborted:
            await self._abort(run)


def _active_run(conversation: Conversation, step: str, job: str, run: str) -> ActiveRun:
    now = monotonic()
    return ActiveRun(
        job=job,
        run=run,
        step=step,
        conversation=conversation,
        began_at=now,
        next_look=now + INTERVALS.first_look_seconds,
    )


_background: set[asyncio.Task[None]] = set()
"""Keeps what is being said from being collected as garbage."""


def _say(conversation: Conversation, text: str) -> None:
    task = asyncio.create_task(conversation.tell(News.WAITING, text=text))
    _background.add(task)
    task.add_done_callback(_background.discard)


def _count(containers: int) -> str:
    return f"{containers} container{'s' if containers > 1 else ''}"
