"""One client, starter, secret keeper and monitor per account and project, shared by all flow runs of a worker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import httpx

from prefect_northflank.api.access import Access
from prefect_northflank.api.answers import Project
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.retry import Patience
from prefect_northflank.records.flow_runs import PrefectLedger
from prefect_northflank.start.plan_list import PlanList
from prefect_northflank.start.secret_groups import SecretGroups
from prefect_northflank.start.start_once import Starter
from prefect_northflank.watch.intervals import Tempo
from prefect_northflank.watch.monitor import Monitor

Log: TypeAlias = "logging.Logger | logging.LoggerAdapter[logging.Logger]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What belongs to one set of credentials: its connections and its rate budget."""

    access: Access
    client: NorthflankClient
    starter: Starter
    secrets: SecretGroups
    plans: PlanList


class Connections:
    """Opens accounts and monitors when first asked for; closes them all."""

    def __init__(
        self, *, tempo: Tempo, logger: Log, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._tempo = tempo
        self._logger = logger
        self._transport = transport
        self._accounts: dict[Access, Account] = {}
        self._monitors: dict[tuple[Access, Project], Monitor] = {}

    def account(self, access: Access) -> Account:
        """Return the account of *access*."""
        if access not in self._accounts:
            client = NorthflankClient(access, transport=self._transport)
            at_once = client.at_once()
            self._accounts[access] = Account(
                access=access,
                client=client,
                starter=Starter(at_once),
                secrets=SecretGroups(at_once),
                plans=PlanList(at_once),
            )
        account = self._accounts[access]
        account.client.renewed_by(access)
        return account

    def patience(self, tell: Callable[[str], None]) -> Patience:
        """Return how long one flow run waits for trouble to pass; *tell* is told what it waits for."""
        return Patience(seconds=self._tempo.patience_seconds, tell=tell)

    def monitor(self, access: Access, project: Project, ledger: PrefectLedger) -> Monitor:
        """Return the monitor of *project*; *ledger* is the one of this worker."""
        key = (access, project)
        if key not in self._monitors:
            self._monitors[key] = Monitor(
                client=self.account(access).client,
                ledger=ledger,
                project=project,
                tempo=self._tempo,
                logger=self._logger,
            )
        return self._monitors[key]

    async def close(self) -> None:
        """Stop looking and hang up. Job runs go on."""
        for monitor in self._monitors.values():
            await monitor.close()
        for account in self._accounts.values():
            await account.client.close()
        self._monitors.clear()
        self._accounts.clear()
