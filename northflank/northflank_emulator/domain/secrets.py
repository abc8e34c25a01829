"""Secret groups."""

from __future__ import annotations

from dataclasses import replace

from northflank_emulator.choices import PatchedSecrets
from northflank_emulator.domain.context import DomainContext, accept, check_references, spec_of
from northflank_emulator.errors import Conflict, not_found
from northflank_emulator.fields import resource_fields
from northflank_emulator.fields.schema import Json, JsonObject
from northflank_emulator.state.ids import slug
from northflank_emulator.state.job_spec import part
from northflank_emulator.state.models import SecretGroup


class Secrets:
    """The secret groups of all projects."""

    def __init__(self, context: DomainContext) -> None:
        self._context = context

    def create(self, project: str, body: Json) -> SecretGroup:
        """Create a secret group.

        Raises:
            Conflict: the project has one with this name already.
        """
        self._context.project(project)
        accepted = accept(resource_fields.CREATE_SECRET, body)
        key = slug(str(accepted["name"]))
        if self._context.store.secrets.get((project, key)) is not None:
            raise Conflict(
                f"There is already a secret with the same derived identifier {key!r}",
                {"name": [f"derives the identifier {key!r}, which is taken"]},
            )
        return self._add(project, key, accepted)

    def upsert(self, project: str, body: Json) -> SecretGroup:
        """Create a secret group, or replace the whole specification of the one with this name."""
        self._context.project(project)
        accepted = accept(resource_fields.CREATE_SECRET, body)
        key = slug(str(accepted["name"]))
        old = self._context.store.secrets.get((project, key))
        if old is None:
            return self._add(project, key, accepted)
        return self._change(old, spec_of(accepted))

    def get(self, project: str, key: str) -> SecretGroup:
        """Return the secret group *key*.

        Raises:
            NotFound: the project has no such group.
        """
        self._context.project(project)
        found = self._context.store.secrets.get((project, key))
        if found is None:
            raise not_found("secret", key, f"project {project!r}")
        return found

    def all(self, project: str) -> list[SecretGroup]:
        """Return the secret groups of a project, oldest first."""
        self._context.project(project)
        return self._context.store.secrets.of(project)

    def patch(self, project: str, key: str, body: Json) -> SecretGroup:
        """Change the fields that *body* has; the parts of `secrets` (variables, files) are replaced one by one."""
        group = self.get(project, key)
        patch = accept(resource_fields.PATCH_SECRET, body)
        spec: JsonObject = {**group.spec, **patch}
        named = self._context.settings.choices.patched_secrets is PatchedSecrets.NAMED_PARTS
        if named and "secrets" in patch:
            spec["secrets"] = {**part(group.spec, "secrets"), **part(patch, "secrets")}
        return self._change(group, {name: it for name, it in spec.items() if it is not None})

    def delete(self, project: str, key: str) -> None:
        """Delete a secret group; runs that were started with its variables keep them."""
        self._context.store.secrets.remove(self.get(project, key))

    def _add(self, project: str, key: str, body: JsonObject) -> SecretGroup:
        now = self._context.clock.now()
        group = SecretGroup(
            number=self._context.store.next_number(),
            id=key,
            project=project,
            name=str(body["name"]),
            spec=spec_of(body),
            created_at=now,
            updated_at=now,
        )
        check_references(self._context, group.spec)
        return self._context.store.secrets.put(group)

    def _change(self, group: SecretGroup, spec: JsonObject) -> SecretGroup:
        check_references(self._context, spec)
        changed = replace(group, spec=spec, updated_at=self._context.clock.now())
        return self._context.store.secrets.put(changed)
