"""Notification integrations: which events they subscribe to, and how deliveries went."""

from __future__ import annotations

from dataclasses import replace

from northflank_emulator.domain.context import DomainContext, accept, spec_of
from northflank_emulator.errors import Conflict, not_found
from northflank_emulator.fields import resource_fields
from northflank_emulator.fields.schema import Json
from northflank_emulator.state.ids import slug
from northflank_emulator.state.job_spec import part
from northflank_emulator.state.models import Webhook, WebhookEvent

_ID_DIGITS = 24


class Webhooks:
    """The notification integrations of the account."""

    def __init__(self, context: DomainContext) -> None:
        self._context = context

    def create(self, body: Json) -> Webhook:
        """Create an integration.

        Raises:
            Conflict: an integration with this name exists.
        """
        accepted = accept(resource_fields.CREATE_NOTIFICATION, body)
        name = str(accepted["name"])
        if any(slug(it.name) == slug(name) for it in self._context.store.webhooks):
            raise Conflict(f"There is already a notification integration {name!r}")
        now = self._context.clock.now()
        return self._context.store.webhooks.put(
            Webhook(
                number=self._context.store.next_number(),
                id=self._context.ids.hexadecimal(_ID_DIGITS),
                name=name,
                spec=spec_of(accepted),
                created_at=now,
                updated_at=now,
            )
        )

    def get(self, key: str) -> Webhook:
        """Return the integration *key*.

        Raises:
            NotFound: the account has no such integration.
        """
        found = self._context.store.webhooks.get(key)
        if found is None:
            raise not_found("notification integration", key)
        return found

    def all(self) -> list[Webhook]:
        """Return every integration, oldest first."""
        return list(self._context.store.webhooks)

    def update(self, key: str, body: Json) -> Webhook:
        """Change the fields that *body* has; `paused: false` enables a disabled integration."""
        webhook = self.get(key)
        patch = accept(resource_fields.UPDATE_NOTIFICATION, body)
        disabled = bool(patch.pop("paused", webhook.disabled))
        return self._context.store.webhooks.put(
            replace(
                webhook,
                name=str(patch.get("name", webhook.name)),
                spec={**webhook.spec, **spec_of(patch)},
                disabled=disabled,
                failures=webhook.failures if disabled else 0,
                updated_at=self._context.clock.now(),
            )
        )

    def delete(self, key: str) -> None:
        """Delete an integration."""
        self._context.store.webhooks.remove(self.get(key))

    def subscribers(self, event: WebhookEvent) -> list[Webhook]:
        """Return the integrations that subscribe to *event*."""
        return [it for it in self._context.store.webhooks if _wants(it, event)]

    def delivered(self, key: str) -> None:
        """Note that a delivery succeeded."""
        webhook = self._context.store.webhooks.get(key)
        if webhook is not None and webhook.failures:
            self._context.store.webhooks.put(replace(webhook, failures=0, first_failure_at=None))

    def failed(self, key: str) -> None:
        """Note that a delivery failed."""
        webhook = self._context.store.webhooks.get(key)
        if webhook is not None:
            since = webhook.first_failure_at or self._context.clock.now()
            self._context.store.webhooks.put(
                replace(webhook, failures=webhook.failures + 1, first_failure_at=since)
            )

    def disable(self, key: str) -> None:
        """Deliver nothing more to this integration until a client enables it."""
        webhook = self._context.store.webhooks.get(key)
        if webhook is not None:
            self._context.store.webhooks.put(replace(webhook, disabled=True))


def _wants(webhook: Webhook, event: WebhookEvent) -> bool:
    if webhook.disabled or part(webhook.spec, "events").get(f"trigger:{event.name}") is not True:
        return False
    projects = webhook.spec.get("projects")
    return not projects or (isinstance(projects, list) and event.project in projects)
