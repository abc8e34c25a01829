"""Tags and registry credentials, which belong to the account; jobs refer to them by id."""

from __future__ import annotations

from dataclasses import dataclass, replace

from northflank_emulator.domain.context import DomainContext, accept
from northflank_emulator.errors import Conflict, not_found
from northflank_emulator.fields.schema import Json, ObjectRule
from northflank_emulator.state.ids import slug
from northflank_emulator.state.models import AccountItem
from northflank_emulator.state.store import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountItems:
    """The tags, or the registry credentials, of the account."""

    context: DomainContext
    what: str
    table: Table[AccountItem]
    create_rule: ObjectRule
    patch_rule: ObjectRule

    def ensure(self, name: str) -> AccountItem:
        """Return the item with this name, and create it if necessary."""
        return self.table.get(slug(name)) or self._add(name, {})

    def create(self, body: Json) -> AccountItem:
        """Create an item.

        Raises:
            Conflict: an item with this name exists.
        """
        accepted = accept(self.create_rule, body)
        name = str(accepted.pop("name"))
        if self.table.get(slug(name)) is not None:
            raise Conflict(f"There is already a {self.what} {slug(name)!r}")
        return self._add(name, accepted)

    def upsert(self, body: Json) -> AccountItem:
        """Create an item, or replace the one with this name."""
        accepted = accept(self.create_rule, body)
        name = str(accepted.pop("name"))
        old = self.table.get(slug(name))
        return self.table.put(replace(old, spec=accepted)) if old else self._add(name, accepted)

    def get(self, key: str) -> AccountItem:
        """Return the item *key*.

        Raises:
            NotFound: the account has no such item.
        """
        found = self.table.get(key)
        if found is None:
            raise not_found(self.what, key)
        return found

    def all(self) -> list[AccountItem]:
        """Return every item, oldest first."""
        return list(self.table)

    def patch(self, key: str, body: Json) -> AccountItem:
        """Change the fields that *body* has."""
        item = self.get(key)
        return self.table.put(replace(item, spec={**item.spec, **accept(self.patch_rule, body)}))

    def delete(self, key: str) -> None:
        """Delete an item; jobs that refer to it keep the reference."""
        self.table.remove(self.get(key))

    def _add(self, name: str, spec: dict[str, Json]) -> AccountItem:
        return self.table.put(
            AccountItem(
                number=self.context.store.next_number(),
                id=slug(name),
                name=name,
                spec=spec,
                created_at=self.context.clock.now(),
            )
        )
