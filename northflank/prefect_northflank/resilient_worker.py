"""A base worker that survives the errors which end Prefect's own, and leaves flow runs alone that have ended."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import PrefectSignal
from prefect.settings import (
    PREFECT_WORKER_QUERY_SECONDS,
    get_current_settings,
    temporary_settings,
)
from prefect.workers.base import (
    BaseJobConfiguration,
    BaseVariables,
    BaseWorker,
    BaseWorkerResult,
)

from prefect_northflank.errors import AlreadyEnded
from prefect_northflank.flow_run.run_limit import RunLimit, executes_a_step
from prefect_northflank.flow_run.submit_limit import SubmitLimit
from prefect_northflank.records.flow_runs import FlowRunRecords
from prefect_northflank.records.prefect_retry import harden_client, is_transient, retry_prefect
from prefect_northflank.records.repeated_problems import RepeatedProblems

Configuration = TypeVar("Configuration", bound=BaseJobConfiguration)
Variables = TypeVar("Variables", bound=BaseVariables)
Result = TypeVar("Result", bound=BaseWorkerResult)


QUERY_SECONDS = 2.0
"""Between two requests for flow runs. Prefect's default is ten seconds, which would be the longest part of a start; one
request takes its server about ten milliseconds, and none of them goes to Northflank."""


class ResilientWorker(BaseWorker[Configuration, Variables, Result], abc.ABC):
    """A worker whose loops and tasks go on after any error: Prefect's ends with the first that is not a timeout or a 5xx."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  Prefect's signature, passed on
        super().__init__(*args, **kwargs)
        self._problems = RepeatedProblems(self._logger)
        self._submit_limit = SubmitLimit()
        self._offered: frozenset[UUID] = frozenset()
        self._in_hand: set[UUID] = set()

    @property
    def records(self) -> FlowRunRecords:
        """The flow runs of this worker's pool."""
        return FlowRunRecords(self.client, pool=self._work_pool_name)

    @contextmanager
    def _holding(self, flow_run_id: UUID) -> Iterator[None]:
        """Mark the flow run as one that this process is busy with."""
        self._in_hand.add(flow_run_id)
        try:
            yield
        finally:
            self._in_hand.discard(flow_run_id)

    async def start(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  Prefect's signature, passed on
        """Run the worker's loops; ask for flow runs every two seconds, unless the user has set another interval."""
        if "query_seconds" in get_current_settings().worker.model_fields_set:
            await super().start(*args, **kwargs)
            return
        with temporary_settings({PREFECT_WORKER_QUERY_SECONDS: QUERY_SECONDS}):
            await super().start(*args, **kwargs)

    # -- loops and tasks -------------------------------------------------------------------------------------

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Ask for flow runs and submit them; the next round is the retry."""
        with self._problems.survive("ask Prefect for flow runs"):
            return await super().get_and_submit_flow_runs()
        return []

    async def _sync_and_initialize(self) -> None:
        """Send a heartbeat; the next round is the retry. A key that is wrong from the start ends the worker at once."""
        harden_client(self.client, self._logger)
        if self.is_setup:
            with self._problems.survive("send Prefect a heartbeat"):
                await super()._sync_and_initialize()
            return
        try:
            await super()._sync_and_initialize()
        except (httpx.HTTPStatusError, httpx.TransportError):
            raise
        except Exception as error:
            if not is_transient(error):
                raise
            self._problems.report("send Prefect a heartbeat", error)

    async def _setup_cancellation_observer(self) -> None:
        """Observe cancellations. The observer gives up after three errors; the next heartbeat then makes another one."""
        await super()._setup_cancellation_observer()
        observer = self._cancelling_observer
        if observer is not None and observer.on_failure is None:
            observer.on_failure = self._drop_observer
            for flow_run_id in self._submitting_flow_run_ids:
                observer.add_in_flight_flow_run_id(flow_run_id)

    def _drop_observer(self, flow_run_ids: set[UUID]) -> None:
        del flow_run_ids  # the next observer is given those that are being submitted then
        self._cancelling_observer = None

    async def _cancel_run(self, flow_run_id: UUID) -> None:
        """Cancel a flow run that is being submitted; if that fails, its submission or the recovery ends it."""
        with self._problems.survive("cancel flow runs that are being submitted"):
            await super()._cancel_run(flow_run_id)

    async def _submit_run_and_capture_errors(
        self,
        flow_run: FlowRun,
        task_status: anyio.abc.TaskStatus[int | Exception] | None = None,
    ) -> BaseWorkerResult | Exception:
        """Submit and supervise a flow run; an error that Prefect's base worker does not capture ends nothing else."""
        try:
            result = await super()._submit_run_and_capture_errors(flow_run, task_status)
        except (Exception, PrefectSignal) as error:  # noqa: BLE001  it would end the worker
            self._problems.report("see flow runs through", error)
            escaped = error if isinstance(error, Exception) else RuntimeError(str(error))
            if task_status is not None:
                with suppress(RuntimeError):  # it was reported as started before
                    task_status.started(escaped)
            return escaped
        self._problems.resolve("see flow runs through")
        return result

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        """Label the flow run with this worker's name, with retries: Prefect's base worker takes a failure for a crash.

        Without the label, other workers take the flow run for an orphan, which does no harm.
        """
        base = super()._give_worker_labels_to_flow_run
        try:
            await retry_prefect(lambda: base(flow_run_id))
        except Exception as error:
            if not is_transient(error):
                raise
            self._logger.warning(
                "Could not label flow run %s with this worker's name: %s", flow_run_id, error
            )

    # -- which flow runs are submitted, and when -----------------------------------------------------------

    async def _submit_scheduled_flow_runs(
        self, flow_run_response: list[WorkerFlowRunResponse]
    ) -> list[FlowRun]:
        """Submit the flow runs that Prefect offers, except those that this worker is still busy with.

        A flow run that was handed back (SIGTERM, suspension) waits until its old container has ended; Prefect's
        limiter would also fail on a flow run that already holds a slot. The containers of steps come first: the base
        worker stops at the first flow run for which it has no slot.
        """
        self._offered = frozenset(entry.flow_run.id for entry in flow_run_response)
        free = [entry for entry in flow_run_response if entry.flow_run.id not in self._in_hand]
        free.sort(key=lambda entry: not executes_a_step(entry.flow_run))
        if isinstance(self._limiter, RunLimit):
            new = (entry.flow_run for entry in free)
            self._limiter.exempt(run for run in new if run.id not in self._submitting_flow_run_ids)
        return await super()._submit_scheduled_flow_runs(free)

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Submit a flow run when it has a slot, if Prefect still offers it.

        While it waits for the slot it may be taken, cancelled, moved or postponed, its pool or queue may be paused, a limit
        may be reached. So the worker drops a flow run that was not in Prefect's last offer, or is no longer scheduled.
        Prefect's base worker would take it all the same, and end with all its flow runs if Prefect does not answer.
        """
        with self._problems.survive("submit flow runs"):
            async with self._submit_limit.slot(flow_run.id):
                if flow_run.id in self._offered and await self.records.is_scheduled(flow_run.id):
                    await self._submit_or_cancel(flow_run)
        if flow_run.id in self._submitting_flow_run_ids or flow_run.id not in self._in_hand:
            self._drop(flow_run.id)

    async def _submit_or_cancel(self, flow_run: FlowRun) -> None:
        """Submit a flow run, or cancel it if its deployment was deleted: Prefect would log `ObjectNotFound: None`."""
        if await self.records.deployment_exists(flow_run):
            await super()._submit_run(flow_run)
            return
        message = "Cancelled: its deployment was deleted while it waited."
        self.get_flow_run_logger(flow_run).warning("%s", message)
        await self._mark_flow_run_as_cancelled(flow_run, {"message": message})

    def _drop(self, flow_run_id: UUID) -> None:
        """Forget a flow run that is not submitted, as Prefect's base worker does with one that it may not submit."""
        self._release_limit_slot(flow_run_id)
        self._submitting_flow_run_ids.discard(flow_run_id)
        if self._cancelling_observer is not None:
            self._cancelling_observer.remove_in_flight_flow_run_id(flow_run_id)

    # -- flow runs that had ended before a request arrived --------------------------------------------------

    async def _propose_pending_state(self, flow_run: FlowRun) -> bool:
        """Take the flow run, as Prefect's base worker does.

        If the deployment's concurrency limit is reached, Prefect puts even an ended flow run back into the queue.
        """
        taken = await super()._propose_pending_state(flow_run)
        if not taken:
            # If Prefect does not answer now, its next offer of the flow run leads here again.
            with self._problems.survive("see whether flow runs were over before they were taken"):
                await self._restore_final_state(flow_run)
        return taken

    async def _propose_crashed_state(
        self, flow_run: FlowRun, message: str, client: PrefectClient | None = None
    ) -> None:
        """Report that the flow run could not be started, unless it had ended before this worker's request arrived.

        If Prefect does not tell, the flow run stays Pending until the recovery finds it: Crashed would hide how it ended.
        """
        with self._problems.survive("see whether flow runs were over before they were taken"):
            if not await retry_prefect(lambda: self._restore_final_state(flow_run)):
                await super()._propose_crashed_state(flow_run, message, client)

    async def _restore_final_state(self, flow_run: FlowRun) -> bool:
        """Restore the final state that a late request of this worker has covered; return whether there was one."""
        ended = await self.records.restore_final_state(flow_run.id)
        if ended is not None:
            self.get_flow_run_logger(flow_run).info(
                "%s", AlreadyEnded(flow_run=flow_run.name, state=ended.name or "")
            )
        return ended is not None
