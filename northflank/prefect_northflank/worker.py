"""The Prefect worker of type `northflank`: creates, starts, watches, reports, cleans up."""

from __future__ import annotations

import os
import secrets as randomness
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from uuid import UUID

import anyio.abc
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound
from prefect.states import Cancelled, InfrastructurePending
from prefect.workers.base import BaseWorker, BaseWorkerResult

from prefect_northflank.afterwards import Case, delete_job_of, report
from prefect_northflank.caretaker import Caretaker, Hands
from prefect_northflank.checks import VENDORS_DISTRIBUTION
from prefect_northflank.client import NorthflankClient
from prefect_northflank.configuration import NorthflankJobConfiguration
from prefect_northflank.connections import Account, Connections
from prefect_northflank.errors import (
    MissingToken,
    NorthflankError,
    NotFound,
    TakenOver,
    VendorPackageInstalled,
)
from prefect_northflank.job import JobRequest, request_for
from prefect_northflank.ledger import PrefectLedger
from prefect_northflank.names import submission_of
from prefect_northflank.pid import InfrastructurePid
from prefect_northflank.stream import Streams
from prefect_northflank.tempo import Tempo
from prefect_northflank.variables import NorthflankWorkerVariables
from prefect_northflank.watch import Ending, Fate


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
        self.tempo = Tempo.of(os.environ)
        self.connections = Connections(tempo=self.tempo, logger=self._logger)
        self._streams = Streams()
        self._caretaker: Caretaker | None = None
        self._in_hand: set[UUID] = set()

    async def setup(self) -> None:
        """Prepare the worker.

        Raises:
            VendorPackageInstalled: another distribution claims our names.
        """
        _refuse_the_vendors_package()
        await super().setup()
        hands = Hands(
            name=self.name,
            in_hand=lambda: self._in_hand | self._submitting_flow_run_ids,
            client_of=self._client_of,
            adopt=self._adopt,
            sign=self._give_worker_labels_to_flow_run,
        )
        self._caretaker = Caretaker(
            hands, ledger=self.ledger, tempo=self.tempo, logger=self._logger
        )
        self._caretaker.start()

    async def teardown(self, *exc_info: Any) -> None:  # noqa: ANN401 (Prefect's signature, handed on)
        """Stop looking; job runs go on, and the next worker adopts them."""
        try:
            if self._caretaker is not None:
                await self._caretaker.close()
            await super().teardown(*exc_info)
        finally:
            await self.connections.close()

    @property
    def ledger(self) -> PrefectLedger:
        """Prefect's records of this worker's pool."""
        return PrefectLedger(self.client, pool=self._work_pool_name)

    async def _submit_scheduled_flow_runs(
        self, flow_run_response: list[WorkerFlowRunResponse]
    ) -> list[FlowRun]:
        """Submit what was found, but for flow runs whose former container is not done with yet.

        A flow run that was handed back (SIGTERM, suspension) waits until its old container has ended; Prefect's
        limiter would also fail on a flow run that holds a slot already.
        """
        free = [entry for entry in flow_run_response if entry.flow_run.id not in self._in_hand]
        return await super()._submit_scheduled_flow_runs(free)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: NorthflankJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> NorthflankWorkerResult:
        """Create the job, start its run, and see it through to its end."""
        with self._holding(flow_run.id):
            return await self._run(flow_run, configuration, task_status)

    async def _run(
        self,
        flow_run: FlowRun,
        configuration: NorthflankJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None,
    ) -> NorthflankWorkerResult:
        try:
            pid = await self._start(flow_run, configuration)
        except TakenOver as taken:
            # Raised on, this would mark as Crashed what another worker is running.
            self.get_flow_run_logger(flow_run).info("%s", taken)
            return NorthflankWorkerResult(identifier="", status_code=0)
        if task_status is not None:
            task_status.started(str(pid))
        await self.ledger.propose(
            flow_run.id,
            InfrastructurePending(message=f"Northflank job run {pid.run} waits for its container"),
        )
        return await self._see_through(flow_run, configuration, pid)

    async def _initiate_run(
        self, flow_run: FlowRun, configuration: NorthflankJobConfiguration
    ) -> None:
        """Start without waiting for the end (`worker.submit`); the search for unwatched runs takes it over."""
        await self._start(flow_run, configuration)

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
        try:
            pid = InfrastructurePid.parse(infrastructure_pid)
            client = self.connections.account(configuration.access()).client
        except (ValueError, MissingToken) as error:
            raise InfrastructureNotAvailable(str(error)) from error
        try:
            running = [pid.run] if pid.run else await _runs_behind_intent(client, pid)
            for run in running:
                await client.abort_run(pid.project, pid.job, run)
        except NotFound as error:
            raise InfrastructureNotFound(str(error)) from error
        except NorthflankError as error:
            raise InfrastructureNotAvailable(str(error)) from error
        if not running:
            message = f"no job run of {pid.job} was recorded for this flow run"
            raise InfrastructureNotFound(message)

    # -- adopt ---------------------------------------------------------------------------------------------

    @contextmanager
    def _holding(self, flow_run_id: UUID) -> Iterator[None]:
        """Mark the flow run as one this process is busy with."""
        self._in_hand.add(flow_run_id)
        try:
            yield
        finally:
            self._in_hand.discard(flow_run_id)

    def _adopt(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        """Watch a flow run another worker started, to its end."""
        if self._runs_task_group is None:
            return
        self._in_hand.add(flow_run.id)
        self._runs_task_group.start_soon(self._see_adopted_through, flow_run, pid)

    async def _see_adopted_through(self, flow_run: FlowRun, pid: InfrastructurePid) -> None:
        logger = self.get_flow_run_logger(flow_run)
        logger.info(
            "Worker %r watches job run %s, which another worker started.", self.name, pid.run
        )
        with self._holding(flow_run.id):
            try:
                await self._see_through(flow_run, await self._configuration_of(flow_run), pid)
            # An adopted run has no submitter to hand the error to; it must not end the worker.
            except Exception:
                logger.exception("Lost sight of job run %s.", pid.run)

    async def _client_of(self, flow_run: FlowRun) -> NorthflankClient:
        configuration = await self._configuration_of(flow_run)
        return self.connections.account(configuration.access()).client

    async def _configuration_of(self, flow_run: FlowRun) -> NorthflankJobConfiguration:
        return await self.job_configuration.resolve_for_flow_run(
            flow_run,
            client=self.client,
            work_pool=self.work_pool,
            worker_name=self.name,
            worker_id=self.backend_id,
        )

    # -- create and start ----------------------------------------------------------------------------------

    async def _start(
        self,
        flow_run: FlowRun,
        configuration: NorthflankJobConfiguration,
        *,
        not_again: InfrastructurePid | None = None,
    ) -> InfrastructurePid:
        """Start one job run and return where it is, recorded in Prefect before (as intent) and after.

        *not_again* is a former job run of this submission, which the record of the intent makes unknown to Prefect.
        """
        account = self.connections.account(configuration.access())
        project = configuration.project(account.access)
        request = await self._request(configuration, account, submission=randomness.token_hex(2))
        intent = InfrastructurePid(project=project, job=request.name)
        await self.ledger.write_pid(flow_run.id, str(intent))

        async def claimed() -> Collection[str]:
            known = await self.ledger.runs_claimed(intent, deployment_id=flow_run.deployment_id)
            return {*known, (not_again and not_again.run) or ""}

        await self._still_mine(flow_run, intent)
        run = await account.starter.start(project, request, claimed=claimed)
        pid = replace(intent, run=run.id)
        await self.ledger.write_pid(flow_run.id, str(pid))
        self.get_flow_run_logger(flow_run).info(
            "Started Northflank job run %s of job %s.", run.id, request.name
        )
        return pid

    async def _still_mine(self, flow_run: FlowRun, intent: InfrastructurePid) -> None:
        """Look once more before the start: a slow worker may have been taken for dead, and its flow run given away.

        Raises:
            TakenOver: Prefect's record no longer is what we made it.
        """
        record = (await self.ledger.records([flow_run.id])).get(flow_run.id)
        if record is None or record.pid != str(intent) or record.state is not StateType.PENDING:
            if record is not None and record.state is StateType.CANCELLING:
                await self.ledger.propose(
                    flow_run.id, Cancelled(message="Cancelled before it was started.")
                )
            raise TakenOver(job=intent.job)

    async def _request(
        self, configuration: NorthflankJobConfiguration, account: Account, *, submission: str
    ) -> JobRequest:
        """Return what to ask Northflank for; puts the secret group first if its value is new."""
        project = configuration.project(account.access)
        env = configuration.environment(account.access)
        tag = await account.secrets.tag_for(
            project,
            pool=self._work_pool_name,
            secret=env.secret,
            identity=configuration.secret_identity(env.secret),
        )
        tags = await account.secrets.tags_of(project, configuration.secret_groups or ())
        subject = configuration.subject(
            submission=submission, env=dict(env.plain), tags=[*tags, *([tag] if tag else [])]
        )
        return request_for(subject, configuration)

    # -- watch, report, clean up ---------------------------------------------------------------------------

    async def _see_through(
        self, flow_run: FlowRun, configuration: NorthflankJobConfiguration, pid: InfrastructurePid
    ) -> NorthflankWorkerResult:
        """Watch the flow run to its end, report what Prefect cannot know, remove what is left."""
        ending = await self._watch(flow_run, configuration, pid)
        starts_left = configuration.settings_backoff_limit
        while ending.fate is Fate.NEVER_BEGAN and starts_left > 0 and not self._has_lost(ending):
            starts_left -= 1
            self.get_flow_run_logger(flow_run).warning(
                "Job run %s ended before the flow run began; starting another (%d left).",
                pid.run,
                starts_left,
            )
            before = pid
            pid = await self._start(flow_run, configuration, not_again=before)
            await self._clean_up(configuration, before, ending)
            ending = await self._watch(flow_run, configuration, pid)
        if not self._has_lost(ending):
            client = self.connections.account(configuration.access()).client
            case = Case(flow_run=flow_run, configuration=configuration, pid=pid, ending=ending)
            await report(
                case, client=client, ledger=self.ledger, logger=self.get_flow_run_logger(flow_run)
            )
            await self._clean_up(configuration, pid, ending)
        return NorthflankWorkerResult(identifier=str(pid), status_code=0)

    def _has_lost(self, ending: Ending) -> bool:
        """Whether another worker took the flow run over while we were out of touch: what follows is its business."""
        owner = ending.record.owner if ending.record is not None else None
        return owner not in (None, self.name) and ending.fate is not Fate.SUPERSEDED

    async def _clean_up(
        self, configuration: NorthflankJobConfiguration, pid: InfrastructurePid, ending: Ending
    ) -> None:
        if not configuration.cleanup_job or ending.job_lives_on(pid):
            return
        client, patience = (
            self.connections.account(configuration.access()).client,
            self.tempo.clean_up_seconds,
        )
        try:
            await delete_job_of(client, pid, ended=ending.has_ended, patience=patience)
        except NorthflankError as error:
            # The flow run is over and reported: a job that stays is the janitor's, not a failure of the run.
            self._logger.warning("Job %s is left for later: %s", pid.job, error)

    async def _watch(
        self, flow_run: FlowRun, configuration: NorthflankJobConfiguration, pid: InfrastructurePid
    ) -> Ending:
        access = configuration.access()
        monitor = self.connections.monitor(access, pid.project, self.ledger)
        watching = monitor.watch(
            flow_run.id,
            pid,
            pending_timeout=configuration.pending_timeout_seconds,
            tell=self.get_flow_run_logger(flow_run).info,
        )
        if not configuration.stream_output:
            return await watching
        async with self._streams.of(access, pid, logger=self.get_flow_run_logger(flow_run)):
            return await watching


async def _runs_behind_intent(client: NorthflankClient, pid: InfrastructurePid) -> Collection[str]:
    """Return the active runs of a job whose start was intended but not recorded; a lasting job's are not ours alone."""
    if submission_of(pid.job) is None:
        return ()
    return [run.id async for run in client.runs(pid.project, pid.job) if not run.concluded]


def _refuse_the_vendors_package() -> None:
    try:
        installed = version(VENDORS_DISTRIBUTION)
    except PackageNotFoundError:
        return
    raise VendorPackageInstalled(installed)
