"""Drives a run from start to end: its attempts, its deadline, its abort, and what is recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from northflank_emulator.execution.container import (
    Container,
    ContainerSpec,
    Executor,
    Exit,
    ImagePullFailed,
    Usage,
)
from northflank_emulator.execution.log_writer import LogWriter
from northflank_emulator.faults import Fault, FaultKind, Faults
from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.settings import Pace
from northflank_emulator.state import run_state
from northflank_emulator.state.clock import Clock
from northflank_emulator.state.ids import Ids
from northflank_emulator.state.job_spec import backoff_limit, deadline_seconds, grace_seconds
from northflank_emulator.state.log_store import LineSource, WrittenLine
from northflank_emulator.state.models import ContainerStatus, Ending, Run, Stream, WebhookEvent
from northflank_emulator.state.store import Store

_log = logging.getLogger(__name__)
_KILLED = 137
_LONGEST_RETRY_SECONDS = 360.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorDependencies:
    """What a run supervisor needs."""

    store: Store
    clock: Clock
    ids: Ids
    faults: Faults
    pace: Pace
    logs: LogWriter
    publish: Callable[[WebhookEvent], None]


Prepare = Callable[[Run, str], ContainerSpec]
"""A function that returns the container to start for a run's next attempt, given its name."""


class RunSupervisor:
    """Drives every active run. One per emulator, on its event loop."""

    def __init__(self, deps: SupervisorDependencies, executor: Executor, prepare: Prepare) -> None:
        self._deps = deps
        self._executor = executor
        self._prepare = prepare
        self._active: dict[str, _SupervisedRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, run: Run) -> None:
        """Start *run*, which is already in the store."""
        active = _SupervisedRun(self._deps, self._executor, self._prepare, run)
        self._active[run.id] = active
        task = asyncio.create_task(active.run_to_completion(), name=f"run {run.name}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(run, done))

    def stop(self, run_id: str, ending: Ending) -> None:
        """Stop a run as *ending*; does nothing if it is over."""
        active = self._active.get(run_id)
        if active is not None:
            active.stop(ending)

    def _ended(self, run: Run, task: asyncio.Task[None]) -> None:
        """Forget a run; mark it as lost if a bug of the emulator ended it, or it would seem to run forever."""
        self._tasks.discard(task)
        active = self._active.pop(run.id)
        if not task.cancelled() and task.exception() is not None:
            _log.error("run %s was lost", run.name, exc_info=task.exception())
            active.mark_lost()

    def usage(self) -> Mapping[str, Usage]:
        """Return what each running container uses, by its name."""
        return self._executor.usage()

    def idle(self) -> bool:
        """Return whether there is no active run."""
        return not self._tasks

    async def shut_down(self) -> None:
        """End every run as lost, and wait until their containers are gone."""
        for active in list(self._active.values()):
            active.stop(Ending.LOST)
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _SupervisedRun:
    """One active run."""

    def __init__(
        self, deps: SupervisorDependencies, executor: Executor, prepare: Prepare, run: Run
    ) -> None:
        self._deps = deps
        self._executor = executor
        self._prepare = prepare
        self._run = run
        self._stopped: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    def stop(self, ending: Ending) -> None:
        """Stop the run as *ending*, unless it was stopped before."""
        if not self._stopped.done():
            self._stopped.set_result(ending)

    def mark_lost(self) -> None:
        """Mark the run as lost, whatever its state."""
        self._save(run_state.lost(self._run, self._deps.clock.now()))

    async def run_to_completion(self) -> None:
        """Make attempts until one succeeds, none is left, or the run is stopped."""
        self._publish("job-run:start")
        deadline = deadline_seconds(self._run.spec)
        timer = deadline and asyncio.get_running_loop().call_later(
            deadline, self.stop, Ending.DEADLINE
        )
        try:
            ending = await self._attempts()
        finally:
            if timer:
                timer.cancel()
        self._save(run_state.concluded(self._run, ending, self._deps.clock.now()))
        self._deps.logs.forget(self._run.id)
        self._publish(_EVENTS[ending])

    async def _attempts(self) -> Ending:
        for attempt in range(backoff_limit(self._run.spec) + 1):
            if attempt:
                pause = min(
                    self._deps.pace.retry * 2 ** min(attempt - 1, 10), _LONGEST_RETRY_SECONDS
                )
                await self._pause(pause)
            if self._stopped.done():
                return self._stopped.result()
            exit_ = await self._attempt()
            if self._stopped.done():
                return self._stopped.result()
            if exit_ is not None and exit_.code == 0:
                return Ending.SUCCEEDED
        return Ending.FAILED

    async def _attempt(self) -> Exit | None:
        """Run one container from its staging to its end; return None if it never started."""
        name = f"{self._run.name}-{self._deps.ids.suffix()}"
        self._save(run_state.staged(self._run, name, self._deps.clock.now()))
        fault = self._deps.faults.of_container(self._run.job)
        container = await self._start(name, fault)
        if container is None:
            self._end(None, "NeverStarted")
            return None
        self._move(ContainerStatus.RUNNING)
        exit_ = await self._watch(container, fault)
        self._end(exit_.code, exit_.reason)
        return exit_

    async def _start(self, name: str, fault: Fault | None) -> Container | None:
        """Start a container; return None if it cannot start, or if the run is stopped before."""
        if fault and fault.kind in {FaultKind.NEVER_SCHEDULED, FaultKind.IMAGE_PULL}:
            await self._stopped_at_last()
            return None
        await self._pause(self._deps.pace.image_pull)
        if self._stopped.done():
            return None
        self._move(ContainerStatus.STARTING)
        spec = self._prepare(self._run, name)
        sink = self._deps.logs.sink(
            LineSource(
                project=self._run.project, job=self._run.job, run=self._run.id, container=name
            )
        )
        try:
            return await self._executor.start(spec, sink)
        except ImagePullFailed as error:
            _log.warning("run %s waits: %s", self._run.name, error)
            now = self._deps.clock.now()
            self._save(run_state.waiting(self._run, "no such image", now))
            await self._stopped_at_last()
            return None
        except OSError as error:
            # The limits of this machine (processes, files, disk): the run fails, and its log says why.
            text = f"the container could not be started: {error}"
            sink([WrittenLine(at=self._deps.clock.now(), stream=Stream.STDERR, text=text)])
            return None

    async def _watch(self, container: Container, fault: Fault | None) -> Exit:
        """Wait for the end of a container, and terminate it if the run is stopped."""
        ended = asyncio.ensure_future(container.wait())
        struck = asyncio.ensure_future(self._strike(container, fault))
        await _first(ended, self._stopped)
        if not ended.done():
            self._move(ContainerStatus.KILLING)
            container.terminate()
            await asyncio.wait({ended}, timeout=self._grace_seconds())
            container.kill()
        exit_ = await ended
        struck.cancel()
        await asyncio.wait({struck})
        if not struck.cancelled() and (reason := struck.result()):
            self._publish(reason)
            return Exit(code=exit_.code or _KILLED, reason=reason)
        if exit_.reason == "OOMKilled":
            self._publish("infrastructure:job:container-crash")
        return exit_

    async def _strike(self, container: Container, fault: Fault | None) -> str:
        """Inject a container fault, and return the name of its event, or an empty one."""
        if fault is None or fault.kind not in {FaultKind.CRASH, FaultKind.EVICTION}:
            return ""
        await asyncio.sleep(fault.seconds)
        if fault.kind is FaultKind.CRASH:
            container.kill()
            return "infrastructure:job:container-crash"
        container.terminate()
        asyncio.get_running_loop().call_later(self._grace_seconds(), container.kill)
        return "infrastructure:job:container-eviction"

    def _grace_seconds(self) -> float:
        grace = float(grace_seconds(self._run.spec))
        if self._stopped.done() and self._stopped.result() is Ending.LOST:
            return min(grace, self._deps.pace.shutdown_grace)
        return grace

    async def _pause(self, seconds: float) -> None:
        """Wait for some seconds, or until the run is stopped."""
        if seconds > 0:
            await asyncio.wait({self._stopped}, timeout=seconds)

    async def _stopped_at_last(self) -> None:
        await asyncio.wait({self._stopped})

    def _move(self, status: ContainerStatus) -> None:
        self._save(run_state.moved(self._run, status, self._deps.clock.now()))

    def _end(self, code: int | None, reason: str) -> None:
        self._save(run_state.ended(self._run, code, reason, self._deps.clock.now()))

    def _save(self, run: Run) -> None:
        """Store *run*; if it was deleted with its job, drop its last log lines instead."""
        self._run = run
        store = self._deps.store
        if store.runs.get((run.project, run.job, run.id)) is not None:
            store.runs.put(run)
        else:
            store.logs.forget(run.id)

    def _publish(self, name: str) -> None:
        data: JsonObject = {
            "job": {"id": self._run.job},
            "run": {"id": self._run.id, "runName": self._run.name},
        }
        self._deps.publish(WebhookEvent(name=name, project=self._run.project, data=data))


_EVENTS = {
    Ending.SUCCEEDED: "job-run:success",
    Ending.FAILED: "job-run:failure",
    Ending.ABORTED: "job-run:abort",
    Ending.DEADLINE: "job-run:terminate",
    Ending.LOST: "job-run:terminate",
}


async def _first(*futures: asyncio.Future[Any]) -> None:
    """Return when one of *futures* is done."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
