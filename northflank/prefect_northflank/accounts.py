"""The clients of each Northflank account and the monitor of each project, shared by all flow runs of a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from prefect_northflank.api.access import Access
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Project
from prefect_northflank.api.retry import LongRetry
from prefect_northflank.intervals import Intervals
from prefect_northflank.loggers import LoggerOrAdapter
from prefect_northflank.records.flow_runs import FlowRunRecords
from prefect_northflank.start.plan_list import PlanList
from prefect_northflank.start.secret_groups import SecretGroups
from prefect_northflank.start.start_once import JobStarter
from prefect_northflank.watch.monitor import Monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The clients of one set of credentials; they share its connections and rate budget."""

    access: Access
    client: NorthflankClient
    starter: JobStarter
    secrets: SecretGroups
    plans: PlanList


class Accounts:
    """The accounts and monitors of one worker; each is opened when it is first needed."""

    def __init__(
        self,
        *,
        intervals: Intervals,
        logger: LoggerOrAdapter,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._intervals = intervals
        self._logger = logger
        self._transport = transport
        self._accounts: dict[Access, Account] = {}
        self._monitors: dict[tuple[Access, Project], Monitor] = {}

    def account(self, access: Access) -> Account:
        """Return the account of *access*."""
        if access not in self._accounts:
            client = NorthflankClient(access, transport=self._transport)
            without_waiting = client.without_waiting()
            self._accounts[access] = Account(
                access=access,
                client=client,
                starter=JobStarter(without_waiting),
                secrets=SecretGroups(without_waiting),
                plans=PlanList(without_waiting),
            )
        account = self._accounts[access]
        account.client.update_token_source(access)
        return account

    def long_retry(self, report: Callable[[str], None]) -> LongRetry:
        """Return the retries of one flow run's start; *report* gets a sentence about each cause of a wait."""
        return LongRetry(max_seconds=self._intervals.patience_seconds, report=report)

    def monitor(self, access: Access, project: Project, records: FlowRunRecords) -> Monitor:
        """Return the monitor of *project*, which reads Prefect's states from *records*."""
        key = (access, project)
        if key not in self._monitors:
            self._monitors[key] = Monitor(
                client=self.account(access).client,
                records=records,
                project=project,
                intervals=self._intervals,
                logger=self._logger,
            )
        return self._monitors[key]

    async def close(self) -> None:
        """Stop watching and close all connections. Job runs go on."""
        for monitor in self._monitors.values():
            await monitor.close()
        for account in self._accounts.values():
            await account.client.close()
        self._monitors.clear()
        self._accounts.clear()
