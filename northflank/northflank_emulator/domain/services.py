"""Build services, which build repositories into images that jobs run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from northflank_emulator.choices import DeployedService
from northflank_emulator.domain.context import (
    DomainContext,
    accept,
    check_references,
    invalid,
    spec_of,
)
from northflank_emulator.errors import Conflict
from northflank_emulator.fields import resource_fields
from northflank_emulator.fields.schema import Json, JsonObject, Problem
from northflank_emulator.state.ids import slug
from northflank_emulator.state.job_spec import part
from northflank_emulator.state.models import Builder, BuilderKind, BuildService


class BuildServices:
    """The build services of all projects. `forget_builds` removes the builds of a deleted service."""

    def __init__(self, context: DomainContext, forget_builds: Callable[[Builder], None]) -> None:
        self._context = context
        self._forget_builds = forget_builds

    def ensure(self, project: str, name: str) -> BuildService:
        """Return the service with this name, and create it if necessary."""
        found = self._context.store.services.get((project, slug(name)))
        return found or self._add(project, {"name": name, **_EXAMPLE})

    def create(self, project: str, body: Json) -> BuildService:
        """Create a build service.

        Raises:
            Conflict: the project has a service with this name already.
        """
        self._context.project(project)
        accepted = accept(resource_fields.CREATE_BUILD_SERVICE, body)
        key = slug(str(accepted["name"]))
        if self._context.store.services.get((project, key)) is not None:
            raise Conflict(
                f"There is already a service with the same derived identifier {key!r}",
                {"name": [f"derives the identifier {key!r}, which is taken"]},
            )
        return self._add(project, accepted)

    def upsert(self, project: str, body: Json) -> BuildService:
        """Create a build service, or replace the whole specification of the one with this name."""
        self._context.project(project)
        accepted = accept(resource_fields.CREATE_BUILD_SERVICE, body)
        old = self._context.store.services.get((project, slug(str(accepted["name"]))))
        return self._change(old, spec_of(accepted)) if old else self._add(project, accepted)

    def patch(self, project: str, key: str, body: Json) -> BuildService:
        """Change the fields that *body* has; `billing` and `vcsData` are merged."""
        service = self._context.service(project, key)
        patch = accept(resource_fields.PATCH_BUILD_SERVICE, body)
        spec: JsonObject = {**service.spec, **patch}
        for name in ("billing", "vcsData"):
            if name in patch:
                spec[name] = {**part(service.spec, name), **part(patch, name)}
        return self._change(service, {name: it for name, it in spec.items() if it is not None})

    def all(self, project: str) -> list[BuildService]:
        """Return the build services of a project, oldest first."""
        self._context.project(project)
        return self._context.store.services.of(project)

    def delete(self, project: str, key: str) -> None:
        """Delete a build service with its builds; jobs that deploy it keep the reference.

        Raises:
            Conflict: jobs deploy it, and the settings choose to refuse that.
        """
        service = self._context.service(project, key)
        refuse = self._context.settings.choices.deployed_service is DeployedService.REFUSED
        jobs = self._context.store.jobs.of(project)
        if refuse and any(part(it.spec, "deployment", "internal").get("id") == key for it in jobs):
            raise Conflict(f"Jobs deploy build service {key!r}; delete them first")
        self._context.store.services.remove(service)
        self._forget_builds(Builder(project=project, kind=BuilderKind.SERVICE, id=key))

    def _add(self, project: str, body: JsonObject) -> BuildService:
        now = self._context.clock.now()
        name = str(body["name"])
        return self._context.store.services.put(
            BuildService(
                number=self._context.store.next_number(),
                uid=self._context.ids.hexadecimal(24),
                id=slug(name),
                project=project,
                name=name,
                spec=self._checked(spec_of(body)),
                created_at=now,
                updated_at=now,
            )
        )

    def _change(self, service: BuildService, spec: JsonObject) -> BuildService:
        changed = replace(service, spec=self._checked(spec), updated_at=self._context.clock.now())
        return self._context.store.services.put(changed)

    def _checked(self, spec: JsonObject) -> JsonObject:
        """Return *spec* after the checks that involve more than one field."""
        check_references(self._context, spec)
        if spec.get("buildSource") != "bundle" and "vcsData" not in spec:
            raise invalid([Problem(path="vcsData", message="is required to build from git")])
        return spec


_EXAMPLE: JsonObject = {
    "billing": {},
    "vcsData": {"projectUrl": "https://github.com/example/flows", "projectType": "github"},
    "buildSettings": {"dockerfile": {"dockerFilePath": "/Dockerfile", "dockerWorkDir": "/"}},
}
"""The specification of services that the emulator is started with; only their builds matter."""
