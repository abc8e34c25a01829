"""The Prefect worker of type `northflank`: what Prefect asks of a worker, and who does it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import PrefectSignal
from prefect.workers.base import BaseWorker, BaseWorkerResult

from prefect_northflank.accounts import Accounts
from prefect_northflank.errors import AlreadyEnded, NotRecorded, TakenOver
from prefect_northflank.flow_run.cancellation import kill
from prefect_northflank.flow_run.submission import ClaimBasis, FlowRunSubmission, Submitter
from prefect_northflank.flow_run.submit_limit import SubmitLimit
from prefect_northflank.flow_run.supervisor import FlowRunSupervisor
from prefect_northflank.intervals import Intervals
from prefect_northflank.job.configuration import NorthflankJobConfiguration
from prefect_northflank.job.variables import NorthflankWorkerVariables
from prefect_northflank.records.flow_runs import FlowRunRecords
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.prefect_retry import harden_client, is_transient, retry_prefect
from prefect_northflank.records.repeated_problems import (
    RepeatedProblems,
    in_words,
    useful_traceback,
)
from prefect_northflank.recovery.orphan_recovery import OrphanRecovery, WorkerPort
from prefect_northflank.termination import ending_on_sigterm
from prefect_northflank.vendor_package import refuse_vendor_package


class NorthflankWorkerResult(BaseWorkerResult):
    """What became of the infrastructure. The status code is 0: crashes are reported with their reason by the worker."""


class NorthflankWorker(
    BaseWorker[NorthflankJobConfiguration, NorthflankWorkerVariables, NorthflankWorkerResult]
):
    """Runs each flow run as a job run on Northflank."""

    type = "northflank"
    job_configuration = NorthflankJobConfiguration
    job_configuration_variables = NorthflankWorkerVariables
    _display_name = "Northflank"
    _description = "Run flow runs as jobs on the Northflank platform."
    _documentation_url = (
        "https://northflank.com/docs/v1/application/run/run-an-image-once-or-on-a-schedule"
    )
    _logo_url = "https://assets.northflank.com/northflank-logo.png"

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (Prefect's signature, handed on)
        super().__init__(*args, **kwargs)
        self.intervals = Intervals.of(os.environ)
        self.accounts = Accounts(intervals=self.intervals, logger=self._logger)
        self._problems = RepeatedProblems(self._logger)
        self._caretaker: OrphanRecovery | None = None
        self._supervisor: FlowRunSupervisor | None = None
        self._in_hand: set[UUID] = set()
        self._turns = SubmitLimit()
        self._offered: frozenset[UUID] = frozenset()

    async def setup(self) -> None:
        """Prepare the worker.

        Raises:
            VendorPackageInstalled: another distribution claims our names.
        """
        refuse_vendor_package()
        self._exit_stack.enter_context(ending_on_sigterm())
        await super().setup()
        hands = WorkerPort(
            name=self.name,
            in_hand=lambda: self._in_hand | self._submitting_flow_run_ids,
            configuration_of=self._configuration_of,
            accounts=self.accounts,
            adopt=self._adopt,
            has_room=lambda: self._limiter is None or self._limiter.available_tokens > 0,
            start=self._start_unwatched,
            sign=self._give_worker_labels_to_flow_run,
        )
        self._caretaker = OrphanRecovery(
            hands, records=self.records, intervals=self.intervals, logger=self._logger
        )
        self._caretaker.start()

    async def teardown(self, *exc_info: Any) -> None:  # noqa: ANN401 (Prefect's signature, handed on)
        """Stop looking; job runs go on, and the next worker adopts them."""
        try:
            if self._caretaker is not None:
                await self._caretaker.close()
            await super().teardown(*exc_info)
        finally:
            await self.accounts.close()

    @property
    def records(self) -> FlowRunRecords:
        """Prefect's records of this worker's pool."""
        return FlowRunRecords(self.client, pool=self._work_pool_name)

    @property
    def supervisor(self) -> FlowRunSupervisor:
        """Who starts this worker's flow runs and sees them through."""
        if self._supervisor is None:
            records = self.records
            submitter = Submitter(
                accounts=self.accounts,
                records=records,
                pool=self._work_pool_name,
                on_claim=self._turns.end,
            )
            self._supervisor = FlowRunSupervisor(
                name=self.name,
                accounts=self.accounts,
                records=records,
                submitter=submitter,
                intervals=self.intervals,
            )
        return self._supervisor

    # -- what must not end the worker: Prefect's base worker ends with the first error but a time-out or a 5xx -----

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
        """Observe cancellations; the observer gives up after three errors, and the next heartbeat makes another one."""
        await super()._setup_cancellation_observer()
        observer = self._cancelling_observer
        if observer is not None and observer.on_failure is None:
            observer.on_failure = self._observe_anew
            for flow_run_id in self._submitting_flow_run_ids:
                observer.add_in_flight_flow_run_id(flow_run_id)

    def _observe_anew(self, flow_run_ids: set[UUID]) -> None:
        del flow_run_ids  # those that are being submitted then are told to the new one
        self._cancelling_observer = None

    async def _cancel_run(self, flow_run_id: UUID) -> None:
        """Cancel a flow run that is being submitted; where that fails, its submission or the caretaker sees to it."""
        with self._problems.survive("cancel flow runs that are being submitted"):
            await super()._cancel_run(flow_run_id)

    async def _submit_run_and_capture_errors(
        self,
        flow_run: FlowRun,
        task_status: anyio.abc.TaskStatus[int | Exception] | None = None,
    ) -> BaseWorkerResult | Exception:
        """Submit a flow run and see it through; what the base worker does not capture is its end, not the worker's."""
        try:
            result = await super()._submit_run_and_capture_errors(flow_run, task_status)
        except (Exception, PrefectSignal) as error:  # noqa: BLE001 (it would end the worker)
            self._problems.report("see flow runs through", error)
            escaped = error if isinstance(error, Exception) else RuntimeError(str(error))
            if task_status is not None:
                with suppress(RuntimeError):  # it was reported as started before
                    task_status.started(escaped)
            return escaped
        self._problems.passed("see flow runs through")
        return result

    async def _submit_scheduled_flow_runs(
        self, flow_run_response: list[WorkerFlowRunResponse]
    ) -> list[FlowRun]:
        """Submit what was found, but for flow runs whose former container is not done with yet.

        A flow run that was handed back (SIGTERM, suspension) waits until its old container has ended; Prefect's
        limiter would also fail on a flow run that holds a slot already.
        """
        self._offered = frozenset(entry.flow_run.id for entry in flow_run_response)
        free = [entry for entry in flow_run_response if entry.flow_run.id not in self._in_hand]
        return await super()._submit_scheduled_flow_runs(free)

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Submit a flow run when it is its turn, if Prefect offers it still.

        While it waits it can be taken, cancelled, moved or put off, its pool or queue paused, a limit reached: what was
        not among the last flow runs offered, or is not scheduled any more, is let go. Prefect's base worker would take it
        all the same, and end with all its flow runs if Prefect does not answer.
        """
        with self._problems.survive("submit flow runs"):
            async with self._turns.turn(flow_run.id):
                if flow_run.id in self._offered and await self.records.is_scheduled(flow_run.id):
                    await self._submit_or_cancel(flow_run)
        if flow_run.id in self._submitting_flow_run_ids or flow_run.id not in self._in_hand:
            self._let_go(flow_run.id)

    async def _submit_or_cancel(self, flow_run: FlowRun) -> None:
        """Submit a flow run, unless its deployment has been deleted: the base worker logs that as `ObjectNotFound: None`."""
        if await self.records.has_its_deployment(flow_run):
            await super()._submit_run(flow_run)
            return
        message = "Cancelled: its deployment was deleted while it waited."
        self.get_flow_run_logger(flow_run).warning("%s", message)
        await self._mark_flow_run_as_cancelled(flow_run, {"message": message})

    def _let_go(self, flow_run_id: UUID) -> None:
        """Forget a flow run that is not submitted, as Prefect's base worker does with one it may not submit."""
        self._release_limit_slot(flow_run_id)
        self._submitting_flow_run_ids.discard(flow_run_id)
        if self._cancelling_observer is not None:
            self._cancelling_observer.remove_in_flight_flow_run_id(flow_run_id)

    async def _propose_pending_state(self, flow_run: FlowRun) -> bool:
        """Take the flow run, as Prefect's base worker does.

        Where the deployment's concurrency limit is reached, Prefect puts even a flow run that is over back into the queue.
        """
        taken = await super()._propose_pending_state(flow_run)
        if not taken:
            # If Prefect does not answer now, its next offer of the flow run asks again.
            with self._problems.survive("see whether flow runs were over before they were taken"):
                await self._put_back(flow_run)
        return taken

    async def _propose_crashed_state(
        self, flow_run: FlowRun, message: str, client: PrefectClient | None = None
    ) -> None:
        """Say that the flow run could not be started, unless it had ended before this worker's request arrived.

        Where that cannot be seen it stays Pending, for Crashed would hide how it had ended; the caretaker finds it.
        """
        with self._problems.survive("see whether flow runs were over before they were taken"):
            if not await retry_prefect(lambda: self._put_back(flow_run)):
                await super()._propose_crashed_state(flow_run, message, client)

    async def _put_back(self, flow_run: FlowRun) -> bool:
        """Give the flow run its final state back if a late request of ours has covered it; whether it has."""
        ended = await self.records.put_back(flow_run.id)
        if ended is not None:
            self.get_flow_run_logger(flow_run).info(
                "%s", AlreadyEnded(flow_run=flow_run.name, state=ended.name or "")
            )
        return ended is not None

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        """Write this worker's name on the flow run, patiently: Prefect's base worker takes a failure for a crash.

        Without the name the run is nobody's, which makes other workers look after it, and does no harm.
        """
        base = super()._give_worker_labels_to_flow_run
        try:
            await retry_prefect(lambda: base(flow_run_id))
        except Exception as error:
            if not is_transient(error):
                raise
            self._logger.warning("Flow run %s does not bear our name: %s", flow_run_id, error)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: NorthflankJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> NorthflankWorkerResult:
        """Create the job, start its run, and see it through to its end."""
        with self._holding(flow_run.id), self._leaving_it_to_others(flow_run):
            return await self._run(flow_run, configuration, task_status)
        if task_status is not None:
            with suppress(RuntimeError):  # it was reported as started before
                task_status.started(None)
        return NorthflankWorkerResult(identifier="", status_code=0)

    async def _run(
        self,
        flow_run: FlowRun,
        configuration: NorthflankJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None,
    ) -> NorthflankWorkerResult:
        order, log = (
            FlowRunSubmission(flow_run=flow_run, configuration=configuration),
            self.get_flow_run_logger(flow_run),
        )
        submitter = self.supervisor.submitter
        pid = await submitter.submit(order, await submitter.fresh(flow_run), log=log)
        if task_status is not None:
            task_status.started(str(pid))
        pid = await self.supervisor.see_through(order, pid, log=log)
        return NorthflankWorkerResult(identifier=str(pid), status_code=0)

    async def _initiate_run(
        self, flow_run: FlowRun, configuration: NorthflankJobConfiguration
    ) -> None:
        """Start without waiting for the end (`worker.submit`); the search for unwatched runs takes it over."""
        submitter, log = self.supervisor.submitter, self.get_flow_run_logger(flow_run)
        order = FlowRunSubmission(flow_run=flow_run, configuration=configuration)
        with self._leaving_it_to_others(flow_run):
            await self._give_worker_labels_to_flow_run(flow_run.id)
            await submitter.submit(order, await submitter.fresh(flow_run), log=log)

    async def kill_infrastructure(
        self,
        infrastructure_pid: str,
        configuration: NorthflankJobConfiguration,
        grace_seconds: int = 30,
    ) -> None:
        """Abort the job run. The grace between SIGTERM and SIGKILL is the job's own, not *grace_seconds*.

        Raises:
            InfrastructureNotFound: there is nothing (any more) to abort.
            InfrastructureNotAvailable: this worker cannot reach it.
        """
        del grace_seconds  # a property of the Northflank job (deployment_grace_period_seconds)
        await kill(infrastructure_pid, configuration, self.accounts)

    # -- what the caretaker finds --------------------------------------------------------------------------

    @contextmanager
    def _holding(self, flow_run_id: UUID) -> Iterator[None]:
        """Mark the flow run as one this process is busy with."""
        self._in_hand.add(flow_run_id)
        try:
            yield
        finally:
            self._in_hand.discard(flow_run_id)

    @contextmanager
    def _leaving_it_to_others(self, flow_run: FlowRun) -> Iterator[None]:
        """Pass over what Prefect would mark as Crashed though another worker runs it, or it is only not known yet."""
        try:
            yield
        except Exception as error:
            if not _leaves_it_to_others(error):
                raise
            self.get_flow_run_logger(flow_run).info("%s", error)

    def _adopt(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        """Watch a flow run another worker started, to its end."""
        if self._runs_task_group is None:
            return
        self._in_hand.add(flow_run.id)
        self._runs_task_group.start_soon(self._see_adopted_through, flow_run, pid)

    async def _see_adopted_through(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        log = self.get_flow_run_logger(flow_run)
        log.info("Worker %r watches job run %s from now on.", self.name, pid.run)
        with self._holding(flow_run.id):
            try:
                order = FlowRunSubmission(
                    flow_run=flow_run, configuration=await self._configuration_of(flow_run)
                )
                await self.supervisor.see_through(order, pid, log=log)
            except TakenOver as taken:
                log.info("%s", taken)
            # An adopted run has no submitter to hand the error to; it must not end the worker.
            except Exception as error:
                log.error(  # noqa: TRY400 (not every traceback is worth reading)
                    "Lost sight of job run %s: %s",
                    pid.run,
                    in_words(error),
                    exc_info=useful_traceback(error),
                )

    def _start_unwatched(self, flow_run: FlowRun, before: ClaimBasis) -> bool:
        """Start a flow run whose worker died before it could, if this worker's --limit has room; else somebody later."""
        if self._runs_task_group is None:
            return False
        if self._limiter is not None:
            try:
                self._limiter.acquire_on_behalf_of_nowait(flow_run.id)
            except anyio.WouldBlock:
                return False
        self._in_hand.add(flow_run.id)
        self._runs_task_group.start_soon(self._see_unwatched_through, flow_run, before)
        return True

    async def _see_unwatched_through(self, flow_run: FlowRun, before: ClaimBasis) -> None:
        log = self.get_flow_run_logger(flow_run)
        with self._holding(flow_run.id):
            try:
                await self._give_worker_labels_to_flow_run(flow_run.id)
                order = FlowRunSubmission(
                    flow_run=flow_run, configuration=await self._configuration_of(flow_run)
                )
                pid = await self.supervisor.submitter.submit(order, before, log=log)
                log.info("Worker %r started it in place of a worker that is gone.", self.name)
                await self.supervisor.see_through(order, pid, log=log)
            # There is no submitter to hand the error to; as Prefect's own, say that it could not be started.
            except Exception as error:
                if _leaves_it_to_others(error):
                    log.info("%s", error)
                else:
                    log.exception("Failed to submit the flow run to Northflank.")
                    await self._propose_crashed_state(flow_run, f"Failed to submit: {error}")
            finally:
                self._release_limit_slot(flow_run.id)

    async def _configuration_of(self, flow_run: FlowRun) -> NorthflankJobConfiguration:
        return await self.job_configuration.resolve_for_flow_run(
            flow_run,
            client=self.client,
            work_pool=self.work_pool,
            worker_name=self.name,
            worker_id=self.backend_id,
        )


def _leaves_it_to_others(error: Exception) -> bool:
    """Whether the flow run is another worker's now, or will be found again: Prefect merely did not answer."""
    return isinstance(error, (TakenOver, NotRecorded)) or is_transient(error)
