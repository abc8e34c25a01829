"""Projects."""

from __future__ import annotations

from dataclasses import replace

from northflank_emulator.choices import UnknownRegion
from northflank_emulator.domain.context import DomainContext, accept, invalid, spec_of
from northflank_emulator.errors import Conflict
from northflank_emulator.fields import resource_fields
from northflank_emulator.fields.catalog import REGIONS
from northflank_emulator.fields.schema import Json, JsonObject, Problem
from northflank_emulator.state.ids import slug
from northflank_emulator.state.models import Project


class Projects:
    """The projects of the account; every team sees the same ones."""

    def __init__(self, context: DomainContext) -> None:
        self._context = context

    def ensure(self, name: str) -> Project:
        """Return the project with this name, and create it if necessary."""
        return self._context.store.projects.get(slug(name)) or self._add({"name": name})

    def create(self, body: Json) -> Project:
        """Create a project.

        Raises:
            Conflict: a project with this name exists.
        """
        accepted = self._checked(accept(resource_fields.CREATE_PROJECT, body))
        key = slug(str(accepted["name"]))
        if self._context.store.projects.get(key) is not None:
            raise Conflict(f"There is already a project with the same derived identifier {key!r}")
        return self._add(accepted)

    def upsert(self, body: Json) -> Project:
        """Create a project, or change the one with this name."""
        accepted = self._checked(accept(resource_fields.CREATE_PROJECT, body))
        old = self._context.store.projects.get(slug(str(accepted["name"])))
        if old is None:
            return self._add(accepted)
        return self._context.store.projects.put(
            replace(old, spec={**old.spec, **spec_of(accepted)})
        )

    def all(self) -> list[Project]:
        """Return every project, oldest first."""
        return list(self._context.store.projects)

    def delete(self, key: str) -> None:
        """Delete a project.

        Raises:
            Conflict: it still has jobs, build services or secret groups.
        """
        project = self._context.project(key)
        store = self._context.store
        if store.jobs.of(key) or store.services.of(key) or store.secrets.of(key):
            raise Conflict(
                f"Project {key!r} still has jobs, build services or secret groups; "
                "delete these first"
            )
        store.projects.remove(project)

    def _add(self, body: JsonObject) -> Project:
        name = str(body["name"])
        return self._context.store.projects.put(
            Project(
                number=self._context.store.next_number(),
                uid=self._context.ids.hexadecimal(24),
                id=slug(name),
                name=name,
                spec=spec_of(body),
                created_at=self._context.clock.now(),
            )
        )

    def _checked(self, body: JsonObject) -> JsonObject:
        """Return *body* if its region exists.

        Raises:
            InvalidRequest: the region does not exist.
        """
        region = body.get("region")
        refuse = self._context.settings.choices.unknown_region is UnknownRegion.REFUSED
        if refuse and region is not None and region not in REGIONS:
            raise invalid(
                [
                    Problem(
                        path="region",
                        message=f"is {region!r}, which is not a region; see GET /v1/regions",
                    )
                ]
            )
        return body
