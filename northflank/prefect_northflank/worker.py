"""The Prefect worker of type `northflank`: starts, watches and ends flow runs as jobs on Northflank."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
from prefect.client.schemas.objects import FlowRun
from prefect.workers.base import BaseWorkerResult

from prefect_northflank.accounts import Accounts
from prefect_northflank.errors import NotRecorded, TakenOver
from prefect_northflank.flow_run.cancellation import kill
from prefect_northflank.flow_run.run_limit import RunLimit
from prefect_northflank.flow_run.submission import ClaimBasis, FlowRunSubmission, Submitter
from prefect_northflank.flow_run.supervisor import FlowRunSupervisor
from prefect_northflank.intervals import Intervals
from prefect_northflank.job.configuration import NorthflankJobConfiguration
from prefect_northflank.job.variables import NorthflankWorkerVariables
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from prefect_northflank.records.prefect_retry import is_transient
from prefect_northflank.records.repeated_problems import one_line, useful_traceback
from prefect_northflank.recovery.orphan_recovery import OrphanRecovery
from prefect_northflank.resilient_worker import ResilientWorker
from prefect_northflank.termination import ending_on_sigterm
from prefect_northflank.vendor_package import refuse_vendor_package


class NorthflankWorkerResult(BaseWorkerResult):
    """The last job run. The status code is always 0: the worker reports crashes itself, with their reason."""


class NorthflankWorker(
    ResilientWorker[NorthflankJobConfiguration, NorthflankWorkerVariables, NorthflankWorkerResult]
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  Prefect's signature, passed on
        super().__init__(*args, **kwargs)
        self.intervals = Intervals.of(os.environ)
        self.accounts = Accounts(intervals=self.intervals, logger=self._logger)
        self._recovery: OrphanRecovery | None = None
        self._supervisor: FlowRunSupervisor | None = None

    async def setup(self) -> None:
        """Prepare the worker.

        Raises:
            VendorPackageInstalled: another distribution claims the same names.
        """
        refuse_vendor_package()
        self._exit_stack.enter_context(ending_on_sigterm())
        await super().setup()
        if self._limiter is not None:
            self._limiter = RunLimit(self._limiter)  # type: ignore[assignment]  # it has what the base worker uses
        self._recovery = OrphanRecovery(
            self, records=self.records, intervals=self.intervals, logger=self._logger
        )
        self._recovery.start()

    async def teardown(self, *exc_info: Any) -> None:  # noqa: ANN401  Prefect's signature, passed on
        """Stop watching; job runs go on, and the next worker watches them."""
        try:
            if self._recovery is not None:
                await self._recovery.close()
            await super().teardown(*exc_info)
        finally:
            await self.accounts.close()

    @property
    def supervisor(self) -> FlowRunSupervisor:
        """What starts this worker's flow runs and follows them to their end."""
        if self._supervisor is None:
            records = self.records
            submitter = Submitter(
                accounts=self.accounts,
                records=records,
                pool=self._work_pool_name,
                on_claim=self._submit_limit.release,
            )
            self._supervisor = FlowRunSupervisor(
                worker_name=self.name,
                accounts=self.accounts,
                records=records,
                submitter=submitter,
                intervals=self.intervals,
            )
        return self._supervisor

    # -- what Prefect asks of a worker -----------------------------------------------------------------------

    async def run(
        self,
        flow_run: FlowRun,
        configuration: NorthflankJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> NorthflankWorkerResult:
        """Create the job, start its run, and follow it to its end."""
        with self._holding(flow_run.id), self._leaving_to_others(flow_run):
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
        log = self.get_flow_run_logger(flow_run)
        submission = FlowRunSubmission(flow_run=flow_run, configuration=configuration)
        submitter = self.supervisor.submitter
        pid = await submitter.submit(submission, await submitter.basis_for(flow_run), log=log)
        if task_status is not None:
            task_status.started(str(pid))
        pid = await self.supervisor.supervise(submission, pid, log=log)
        return NorthflankWorkerResult(identifier=str(pid), status_code=0)

    async def _initiate_run(
        self, flow_run: FlowRun, configuration: NorthflankJobConfiguration
    ) -> None:
        """Start the flow run without waiting for its end (`worker.submit`); the recovery watches it from then on."""
        submitter, log = self.supervisor.submitter, self.get_flow_run_logger(flow_run)
        submission = FlowRunSubmission(flow_run=flow_run, configuration=configuration)
        with self._leaving_to_others(flow_run):
            await self.label(flow_run.id)
            await submitter.submit(submission, await submitter.basis_for(flow_run), log=log)

    async def kill_infrastructure(
        self,
        infrastructure_pid: str,
        configuration: NorthflankJobConfiguration,
        grace_seconds: int = 30,
    ) -> None:
        """Abort the job run. The grace between SIGTERM and SIGKILL is the job's own, not *grace_seconds*.

        Raises:
            InfrastructureNotFound: there is no job run to abort, or not any more.
            InfrastructureNotAvailable: this worker cannot reach it.
        """
        del grace_seconds  # a property of the Northflank job (deployment_grace_period_seconds)
        await kill(infrastructure_pid, configuration, self.accounts)

    @contextmanager
    def _leaving_to_others(self, flow_run: FlowRun) -> Iterator[None]:
        """Log an error that leaves the flow run to another worker or a later search; Prefect would mark it as Crashed."""
        try:
            yield
        except Exception as error:
            if not _leaves_to_others(error):
                raise
            self.get_flow_run_logger(flow_run).info("%s", error)

    # -- what the recovery of orphans asks of the worker (`WorkerPort`) --------------------------------------

    def flow_runs_in_hand(self) -> Collection[UUID]:
        """Return the flow runs that this worker is busy with."""
        return self._in_hand | self._submitting_flow_run_ids

    def has_room(self) -> bool:
        """Return whether --limit lets this worker start another flow run."""
        return self._limiter is None or self._limiter.available_tokens > 0

    async def configuration_of(self, flow_run: FlowRun) -> NorthflankJobConfiguration:
        """Return the job configuration of the flow run."""
        return await self.job_configuration.resolve_for_flow_run(
            flow_run,
            client=self.client,
            work_pool=self.work_pool,
            worker_name=self.name,
            worker_id=self.backend_id,
        )

    async def label(self, flow_run_id: UUID) -> None:
        """Label the flow run with this worker's name."""
        await self._give_worker_labels_to_flow_run(flow_run_id)

    def watch_orphan(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        """Watch a flow run that another worker started, to its end."""
        if self._runs_task_group is None:
            return
        self._in_hand.add(flow_run.id)
        self._runs_task_group.start_soon(self._supervise_orphan, flow_run, pid)

    async def _supervise_orphan(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        log = self.get_flow_run_logger(flow_run)
        log.info("Worker %r watches job run %s from now on.", self.name, pid.run)
        with self._holding(flow_run.id):
            try:
                await self.supervisor.supervise(await self._submission_of(flow_run), pid, log=log)
            except TakenOver as error:
                log.info("%s", error)
            # No submitter waits for this error, and it must not end the worker.
            except Exception as error:
                log.error(  # noqa: TRY400  not every traceback is worth reading
                    "Lost sight of job run %s: %s",
                    pid.run,
                    one_line(error),
                    exc_info=useful_traceback(error),
                )

    def start_orphan(self, flow_run: FlowRun, basis: ClaimBasis) -> bool:
        """Start a flow run whose worker died before it could; return whether --limit had room for it."""
        if self._runs_task_group is None:
            return False
        if isinstance(self._limiter, RunLimit):
            self._limiter.exempt([flow_run])
            try:
                self._limiter.acquire_on_behalf_of_nowait(flow_run.id)
            except anyio.WouldBlock:
                return False
        self._in_hand.add(flow_run.id)
        self._runs_task_group.start_soon(self._start_and_supervise_orphan, flow_run, basis)
        return True

    async def _start_and_supervise_orphan(self, flow_run: FlowRun, basis: ClaimBasis) -> None:
        log = self.get_flow_run_logger(flow_run)
        with self._holding(flow_run.id):
            try:
                await self.label(flow_run.id)
                submission = await self._submission_of(flow_run)
                pid = await self.supervisor.submitter.submit(submission, basis, log=log)
                log.info("Worker %r started it in place of a worker that is gone.", self.name)
                await self.supervisor.supervise(submission, pid, log=log)
            # No submitter waits for this error. As Prefect's own does, report that the flow run could not be started.
            except Exception as error:
                if _leaves_to_others(error):
                    log.info("%s", error)
                else:
                    log.exception("Failed to submit the flow run to Northflank.")
                    await self._propose_crashed_state(flow_run, f"Failed to submit: {error}")
            finally:
                self._release_limit_slot(flow_run.id)

    async def _submission_of(self, flow_run: FlowRun) -> FlowRunSubmission:
        configuration = await self.configuration_of(flow_run)
        return FlowRunSubmission(flow_run=flow_run, configuration=configuration)


def _leaves_to_others(error: Exception) -> bool:
    """Return whether another worker has the flow run, or a search will find it again once Prefect answers."""
    return isinstance(error, (TakenOver, NotRecorded)) or is_transient(error)
