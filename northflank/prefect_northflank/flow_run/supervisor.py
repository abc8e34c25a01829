"""Sees a job run through: watches it, starts it again where that is safe, reports, cleans up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from prefect_northflank.accounts import Connections, Log
from prefect_northflank.errors import NorthflankError, NotRecorded, TakenOver
from prefect_northflank.flow_run.ending_report import Case, delete_job_of, report
from prefect_northflank.flow_run.submission import Before, Order, Submitter
from prefect_northflank.logs.stream import Streams
from prefect_northflank.records.flow_runs import PrefectLedger
from prefect_northflank.records.pid import InfrastructurePid
from prefect_northflank.records.prefect_retry import asked_again
from prefect_northflank.start.find_job_run import Search
from prefect_northflank.watch.events import tell_of_end
from prefect_northflank.watch.intervals import Tempo
from prefect_northflank.watch.watched_run import Ending, Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """Follows job runs to their end for one worker."""

    name: str
    """Of the worker."""
    connections: Connections
    ledger: PrefectLedger
    submitter: Submitter
    tempo: Tempo
    streams: Streams = field(default_factory=Streams)

    async def see_through(
        self, order: Order, pid: InfrastructurePid, *, log: Log
    ) -> InfrastructurePid:
        """Watch the flow run to its end, report what Prefect cannot know, remove what is left; return its last job run.

        Raises:
            TakenOver: another worker has started it again.
        """
        pid, ending = await self._to_the_end(order, pid, log)
        starts_left = order.configuration.settings_backoff_limit
        while ending.fate is Fate.NEVER_BEGAN and starts_left > 0 and not self._has_lost(ending):
            starts_left -= 1
            log.warning(
                "Job run %s ended before the flow run began; starting another (%d left).",
                pid.run,
                starts_left,
            )
            again = await self._start_again(order, pid, ending, log)
            await self._clean_up(order, pid, ending, log)
            if again is None:
                return pid
            pid, ending = await self._to_the_end(order, again, log)
        if not self._has_lost(ending):
            client = self.connections.account(order.configuration.access()).client
            case = Case(
                flow_run=order.flow_run, configuration=order.configuration, pid=pid, ending=ending
            )
            await report(case, client=client, ledger=self.ledger, logger=log)
            await self._clean_up(order, pid, ending, log)
        return pid

    async def _to_the_end(
        self, order: Order, pid: InfrastructurePid, log: Log
    ) -> tuple[InfrastructurePid, Ending]:
        """Watch the job run that executes the flow run, though Prefect may remember another one."""
        while True:
            ending = await self._unless_it_was_over(order, await self._watch(order, pid, log), log)
            tell_of_end(order.configuration, pid, ending)
            really = None if self._has_lost(ending) else await self._really(order, pid, ending, log)
            if really is None:
                return pid, ending
            log.info("The flow run is executed by job run %s, whatever was recorded.", really.run)
            await self.ledger.write_pid(order.flow_run.id, str(really))
            pid = really

    async def _really(
        self, order: Order, pid: InfrastructurePid, ending: Ending, log: Log
    ) -> InfrastructurePid | None:
        """Return the job run that executes the flow run if the record misled the watch; None if it has ended."""
        patience = self.connections.patience(log.warning)
        client = self.connections.account(order.configuration.access()).client
        search = Search(client=client, ledger=self.ledger, gated=order.configuration.gated)
        match ending.fate:
            case Fate.NEVER_BEGAN | Fate.DIED:
                return await patience.through(
                    lambda: search.executing(order.flow_run, pid, ending.run)
                )
            # What an earlier worker wished to record may arrive after what we have recorded.
            case Fate.SUPERSEDED if await patience.through(
                lambda: search.is_executed_by(order.flow_run, pid)
            ):
                return pid
            case _:
                return None

    async def _unless_it_was_over(self, order: Order, ending: Ending, log: Log) -> Ending:
        """Return *ending*, corrected if the flow run is PENDING only because of a request that came after its end."""
        if ending.record is None or ending.record.state is not StateType.PENDING:
            return ending
        ended = await asked_again(lambda: self.ledger.put_back(order.flow_run.id))
        if ended is None:
            return ending
        log.info(
            "A request that came late had made this flow run Pending; it is %s again.", ended.name
        )
        return replace(ending, fate=Fate.FINISHED)

    async def _start_again(
        self, order: Order, pid: InfrastructurePid, ending: Ending, log: Log
    ) -> InfrastructurePid | None:
        """Start another job run and return it; None if there can be none, which Prefect is told."""
        if ending.record is None or ending.record.state_id is None:
            message = "an ending before the flow began comes with the state it was judged by"
            raise RuntimeError(message)
        before = Before(state=ending.record.state_id, start=pid)
        try:
            return await self.submitter.submit(order, before, log=log)
        except (TakenOver, NotRecorded):
            raise
        # Unreported, the flow run would be found unwatched, taken over and started again, round after round.
        except NorthflankError as error:
            message = f"Job run {pid.run} ended before the flow run began, and no other could be started: {error}"
            await self.ledger.propose(order.flow_run.id, Crashed(message=message))
            return None

    def _has_lost(self, ending: Ending) -> bool:
        """Whether another worker took the flow run over while we were out of touch: what follows is its business."""
        owner = ending.record.owner if ending.record is not None else None
        return owner not in (None, self.name) and ending.fate is not Fate.SUPERSEDED

    async def _clean_up(
        self, order: Order, pid: InfrastructurePid, ending: Ending, log: Log
    ) -> None:
        if not order.configuration.cleanup_job or ending.job_lives_on(pid):
            return
        client = self.connections.account(order.configuration.access()).client
        try:
            await delete_job_of(
                client, pid, ended=ending.has_ended, patience=self.tempo.clean_up_seconds
            )
        except NorthflankError as error:
            # The flow run is over and reported: a job that stays is the janitor's, not a failure of the run.
            log.warning("Job %s is left for later: %s", pid.job, error)

    async def _watch(self, order: Order, pid: InfrastructurePid, log: Log) -> Ending:
        access = order.configuration.access()
        monitor = self.connections.monitor(access, pid.project, self.ledger)
        watching = monitor.watch(
            order.flow_run.id,
            pid,
            pending_timeout=order.configuration.pending_timeout_seconds,
            tell=log.info,
        )
        if not order.configuration.stream_output:
            return await watching
        client = self.connections.account(access).client
        async with self.streams.of(client.access, pid, logger=log):
            return await watching
