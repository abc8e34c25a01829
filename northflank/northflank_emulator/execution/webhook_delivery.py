"""How events reach webhooks: in order for each webhook, with a few retries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.state.ids import Ids
from northflank_emulator.state.models import Project, Webhook, WebhookEvent
from northflank_emulator.state.store import Store

_log = logging.getLogger(__name__)
_TRIES = 3
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryCallbacks:
    """What the outbox calls with the webhook's id after a delivery."""

    delivered: Callable[[str], None]
    failed: Callable[[str], None]
    disable: Callable[[str], None]


class Outbox:
    """Queues events for delivery, one queue per webhook. Needs the running event loop."""

    def __init__(
        self, store: Store, ids: Ids, retry_seconds: float, report: DeliveryCallbacks
    ) -> None:
        self._store = store
        self._ids = ids
        self._retry_seconds = retry_seconds
        self._report = report
        self._queues: dict[str, asyncio.Queue[WebhookEvent]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def post(self, webhook: Webhook, event: WebhookEvent) -> None:
        """Deliver *event* to *webhook* after the events that were posted before."""
        queue = self._queues.get(webhook.id)
        if queue is None:
            queue = self._queues[webhook.id] = asyncio.Queue()
            task = asyncio.create_task(self._work(webhook.id, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.put_nowait(event)

    async def close(self) -> None:
        """Drop the events that were not delivered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, key: str, queue: asyncio.Queue[WebhookEvent]) -> None:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
            while True:
                event = await queue.get()
                webhook = self._store.webhooks.get(key)
                if webhook is not None and not webhook.disabled:
                    await self._deliver(client, webhook, event)

    async def _deliver(
        self, client: httpx.AsyncClient, webhook: Webhook, event: WebhookEvent
    ) -> None:
        """Try a few times, and disable a webhook that never accepts."""
        headers = {
            "X-Northflank-Notification-Integration-Id": webhook.id,
            "X-Northflank-Notification-Integration-Name": webhook.name,
            "X-Northflank-Notification-Integration-Token": str(webhook.spec.get("secret", "")),
            "X-Northflank-Notification-Event-Id": self._ids.hexadecimal(24),
            "X-Northflank-Notification-Event-Type": event.name,
        }
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(self._retry_seconds * 2 ** (attempt - 1))
            if await _sent(client, str(webhook.spec["webhook"]), self._payload(event), headers):
                self._report.delivered(webhook.id)
                return
            self._report.failed(webhook.id)
        self._report.disable(webhook.id)
        _log.warning(
            "webhook %s: %s attempts failed; the webhook is now disabled", webhook.name, _TRIES
        )

    def _payload(self, event: WebhookEvent) -> JsonObject:
        project: Project | None = self._store.projects.get(event.project)
        name = project.name if project else event.project
        return {
            "event": event.name,
            "data": {**event.data, "project": {"id": event.project, "name": name}},
        }


async def _sent(
    client: httpx.AsyncClient, url: str, payload: JsonObject, headers: dict[str, str]
) -> bool:
    try:
        response = await client.post(url, json=payload, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        _log.info("webhook %s: %s", url, error)
        return False
    return response.is_success
