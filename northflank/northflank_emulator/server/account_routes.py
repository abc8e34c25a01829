"""The routes of projects, secret groups, tags, registries, plans, regions and the token itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from northflank_emulator.api import Api
from northflank_emulator.domain.account import AccountItems
from northflank_emulator.fields.catalog import REGIONS, plans
from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.server import responses
from northflank_emulator.server.routing import Call, Route, data, nothing, operation, paged
from northflank_emulator.state.clock import iso
from northflank_emulator.state.models import AccountItem, Project
from northflank_emulator.state.permissions import Permission

_P = "/v1/projects/{project}"
_SECRET = f"{_P}/secrets/{{secret}}"


def _list_projects(call: Call) -> JsonObject:
    return paged("projects", call.page(call.api.projects.all()), responses.project_listed)


def _shown(call: Call, project: Project) -> JsonObject:
    jobs, services = call.api.jobs.all(project.id), call.api.services.all(project.id)
    return data(responses.project_read(project, jobs, services))


def _get_project(call: Call) -> JsonObject:
    return _shown(call, call.api.domain.project(call.params["project"]))


def _create_project(call: Call) -> JsonObject:
    return _shown(call, call.api.projects.create(call.body))


def _upsert_project(call: Call) -> JsonObject:
    return _shown(call, call.api.projects.upsert(call.body))


def _delete_project(call: Call) -> JsonObject:
    call.api.projects.delete(call.params["project"])
    return nothing()


def _create_secret(call: Call) -> JsonObject:
    secret = call.api.secrets.create(call.params["project"], call.body)
    return data(responses.secret_created(secret))


def _upsert_secret(call: Call) -> JsonObject:
    secret = call.api.secrets.upsert(call.params["project"], call.body)
    return data(responses.secret_created(secret))


def _list_secrets(call: Call) -> JsonObject:
    page = call.page(call.api.secrets.all(call.params["project"]))
    return paged("secrets", page, responses.secret_listed)


def _names(call: Call) -> tuple[str, str]:
    return call.params["project"], call.params["secret"]


def _get_secret(call: Call) -> JsonObject:
    return data(responses.secret_read(call.api.secrets.get(*_names(call))))


def _get_secret_details(call: Call) -> JsonObject:
    document = responses.secret_read(call.api.secrets.get(*_names(call)))
    return data({**document, "addonSecrets": []})


def _patch_secret(call: Call) -> JsonObject:
    secret = call.api.secrets.patch(*_names(call), call.body)
    return data(responses.secret_created(secret))


def _delete_secret(call: Call) -> JsonObject:
    call.api.secrets.delete(*_names(call))
    return nothing()


def _plans(call: Call) -> JsonObject:
    listed = plans(call.api.settings.choices.gpu_plans)
    return data({"plans": [plan.document() for plan in listed.values()]})


def _regions(_: Call) -> JsonObject:
    return data({"regions": list(REGIONS.values())})


def _auth(call: Call) -> JsonObject:
    return data(
        {
            "id": "emulator",
            "name": "emulator",
            "tokenKind": "api",
            "entityType": "team",
            "entityId": "emulator",
            "entityUid": "emulator",
            "createdAt": iso(call.api.started_at),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ItemRoutes:
    """The routes of tags, or of registry credentials."""

    what: str
    path: str
    items: Callable[[Api], AccountItems]
    show: Callable[[AccountItem], JsonObject]

    def all(
        self, read: Permission, create: Permission, update: Permission, delete: Permission
    ) -> tuple[Route, ...]:
        """Return the six routes, each with the permission that it needs."""
        what, path, one = self.what, self.path, f"{self.path}/{{item}}"
        return (
            operation(f"list.{what}s", "GET", path, read, self._list),
            operation(f"add.{what}", "POST", path, create, self._create),
            operation(f"put.{what}", "PUT", path, update, self._upsert),
            operation(f"get.{what}", "GET", one, read, self._get),
            operation(f"patch.{what}", "PATCH", one, update, self._patch),
            operation(f"delete.{what}", "DELETE", one, delete, self._delete),
        )

    def _list(self, call: Call) -> JsonObject:
        return paged(f"{self.what}s", call.page(self.items(call.api).all()), self.show)

    def _create(self, call: Call) -> JsonObject:
        return data(self.show(self.items(call.api).create(call.body)))

    def _upsert(self, call: Call) -> JsonObject:
        return data(self.show(self.items(call.api).upsert(call.body)))

    def _get(self, call: Call) -> JsonObject:
        return data(self.show(self.items(call.api).get(call.params["item"])))

    def _patch(self, call: Call) -> JsonObject:
        return data(self.show(self.items(call.api).patch(call.params["item"], call.body)))

    def _delete(self, call: Call) -> JsonObject:
        self.items(call.api).delete(call.params["item"])
        return nothing()


ROUTES: tuple[Route, ...] = (
    Route(operation="list.plans", method="GET", path="/v1/plans", handler=_plans, public=True),
    Route(
        operation="list.regions", method="GET", path="/v1/regions", handler=_regions, public=True
    ),
    operation("login", "GET", "/v1/login", None, lambda _: nothing()),
    operation("get.auth", "GET", "/v1/auth", None, _auth),
    operation("list.projects", "GET", "/v1/projects", Permission.PROJECT_READ, _list_projects),
    operation("create.project", "POST", "/v1/projects", Permission.PROJECT_CREATE, _create_project),
    operation("put.project", "PUT", "/v1/projects", Permission.PROJECT_CREATE, _upsert_project),
    operation("get.project", "GET", _P, Permission.PROJECT_READ, _get_project),
    operation("delete.project", "DELETE", _P, Permission.PROJECT_DELETE, _delete_project),
    operation("create.secret", "POST", f"{_P}/secrets", Permission.SECRET_CREATE, _create_secret),
    operation("put.secret", "PUT", f"{_P}/secrets", Permission.SECRET_CREATE, _upsert_secret),
    operation("list.secrets", "GET", f"{_P}/secrets", Permission.SECRET_LIST, _list_secrets),
    operation("get.secret", "GET", _SECRET, Permission.SECRET_READ, _get_secret),
    operation(
        "get.secret_details",
        "GET",
        f"{_SECRET}/details",
        Permission.SECRET_READ,
        _get_secret_details,
    ),
    operation("patch.secret", "PATCH", _SECRET, Permission.SECRET_UPDATE, _patch_secret),
    operation("update.secret", "POST", _SECRET, Permission.SECRET_UPDATE, _patch_secret),
    operation("delete.secret", "DELETE", _SECRET, Permission.SECRET_DELETE, _delete_secret),
    *_ItemRoutes(what="tag", path="/v1/tags", items=lambda api: api.tags, show=responses.tag).all(
        Permission.TAG_READ,
        Permission.TAG_CREATE,
        Permission.TAG_UPDATE,
        Permission.TAG_DELETE,
    ),
    *_ItemRoutes(
        what="credential",
        path="/v1/integrations/registries",
        items=lambda api: api.registries,
        show=responses.registry,
    ).all(
        Permission.REGISTRY_READ,
        Permission.REGISTRY_CREATE,
        Permission.REGISTRY_UPDATE,
        Permission.REGISTRY_DELETE,
    ),
)
