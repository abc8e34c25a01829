"""The routes of projects, secret groups, tags, registries, plans, regions and the token itself."""

from collections.abc import Callable

from northflank_emulator import documents
from northflank_emulator.access import Permission
from northflank_emulator.api import Api
from northflank_emulator.catalog import PLANS, REGIONS
from northflank_emulator.clock import iso
from northflank_emulator.domain.account import AccountItems
from northflank_emulator.models import AccountItem
from northflank_emulator.schema import JsonObject
from northflank_emulator.server.routing import Call, Handler, Route, data, nothing, paged

_P = "/v1/projects/{project}"
_SECRET = f"{_P}/secrets/{{secret}}"


def _list_projects(call: Call) -> JsonObject:
    return paged("projects", call.page(call.api.projects.all()), documents.project_listed)


def _get_project(call: Call) -> JsonObject:
    project = call.api.world.project(call.params["project"])
    return data(documents.project_read(project, call.api.jobs.all(project.id)))


def _create_project(call: Call) -> JsonObject:
    return data(documents.project_read(call.api.projects.create(call.body), []))


def _upsert_project(call: Call) -> JsonObject:
    project = call.api.projects.upsert(call.body)
    return data(documents.project_read(project, call.api.jobs.all(project.id)))


def _delete_project(call: Call) -> JsonObject:
    call.api.projects.delete(call.params["project"])
    return nothing()


def _create_secret(call: Call) -> JsonObject:
    secret = call.api.secrets.create(call.params["project"], call.body)
    return data(documents.secret_created(secret))


def _upsert_secret(call: Call) -> JsonObject:
    secret = call.api.secrets.upsert(call.params["project"], call.body)
    return data(documents.secret_created(secret))


def _list_secrets(call: Call) -> JsonObject:
    page = call.page(call.api.secrets.all(call.params["project"]))
    return paged("secrets", page, documents.secret_listed)


def _names(call: Call) -> tuple[str, str]:
    return call.params["project"], call.params["secret"]


def _get_secret(call: Call) -> JsonObject:
    return data(documents.secret_read(call.api.secrets.get(*_names(call))))


def _get_secret_details(call: Call) -> JsonObject:
    document = documents.secret_read(call.api.secrets.get(*_names(call)))
    return data({**document, "addonSecrets": []})


def _patch_secret(call: Call) -> JsonObject:
    secret = call.api.secrets.patch(*_names(call), call.body)
    return data(documents.secret_created(secret))


def _delete_secret(call: Call) -> JsonObject:
    call.api.secrets.delete(*_names(call))
    return nothing()


def _plans(_: Call) -> JsonObject:
    return data({"plans": [plan.document() for plan in PLANS.values()]})


def _regions(_: Call) -> JsonObject:
    return data({"regions": list(REGIONS)})


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


def _route(
    operation: str, method: str, path: str, permission: Permission | None, handler: Handler
) -> Route:
    return Route(
        operation=operation, method=method, path=path, permission=permission, handler=handler
    )


def _item_routes(
    what: str,
    path: str,
    items: Callable[[Api], AccountItems],
    show: Callable[[AccountItem], JsonObject],
    permissions: tuple[Permission, Permission, Permission, Permission],
) -> tuple[Route, ...]:
    """The six routes of tags, or of registry credentials."""
    read, create, update, delete = permissions
    one = f"{path}/{{item}}"

    def remove(call: Call) -> JsonObject:
        items(call.api).delete(call.params["item"])
        return nothing()

    return (
        _route(
            f"list.{what}s",
            "GET",
            path,
            read,
            lambda call: paged(f"{what}s", call.page(items(call.api).all()), show),
        ),
        _route(
            f"add.{what}",
            "POST",
            path,
            create,
            lambda call: data(show(items(call.api).create(call.body))),
        ),
        _route(
            f"put.{what}",
            "PUT",
            path,
            update,
            lambda call: data(show(items(call.api).upsert(call.body))),
        ),
        _route(
            f"get.{what}",
            "GET",
            one,
            read,
            lambda call: data(show(items(call.api).get(call.params["item"]))),
        ),
        _route(
            f"patch.{what}",
            "PATCH",
            one,
            update,
            lambda call: data(show(items(call.api).patch(call.params["item"], call.body))),
        ),
        _route(f"delete.{what}", "DELETE", one, delete, remove),
    )


ROUTES: tuple[Route, ...] = (
    Route(operation="list.plans", method="GET", path="/v1/plans", handler=_plans, public=True),
    Route(
        operation="list.regions", method="GET", path="/v1/regions", handler=_regions, public=True
    ),
    _route("login", "GET", "/v1/login", None, lambda _: nothing()),
    _route("get.auth", "GET", "/v1/auth", None, _auth),
    _route("list.projects", "GET", "/v1/projects", Permission.PROJECT_READ, _list_projects),
    _route("create.project", "POST", "/v1/projects", Permission.PROJECT_CREATE, _create_project),
    _route("put.project", "PUT", "/v1/projects", Permission.PROJECT_CREATE, _upsert_project),
    _route("get.project", "GET", _P, Permission.PROJECT_READ, _get_project),
    _route("delete.project", "DELETE", _P, Permission.PROJECT_DELETE, _delete_project),
    _route("create.secret", "POST", f"{_P}/secrets", Permission.SECRET_CREATE, _create_secret),
    _route("put.secret", "PUT", f"{_P}/secrets", Permission.SECRET_CREATE, _upsert_secret),
    _route("list.secrets", "GET", f"{_P}/secrets", Permission.SECRET_LIST, _list_secrets),
    _route("get.secret", "GET", _SECRET, Permission.SECRET_READ, _get_secret),
    _route(
        "get.secret_details",
        "GET",
        f"{_SECRET}/details",
        Permission.SECRET_READ,
        _get_secret_details,
    ),
    _route("patch.secret", "PATCH", _SECRET, Permission.SECRET_UPDATE, _patch_secret),
    _route("update.secret", "POST", _SECRET, Permission.SECRET_UPDATE, _patch_secret),
    _route("delete.secret", "DELETE", _SECRET, Permission.SECRET_DELETE, _delete_secret),
    *_item_routes(
        "tag",
        "/v1/tags",
        lambda api: api.tags,
        documents.tag,
        (
            Permission.TAG_READ,
            Permission.TAG_CREATE,
            Permission.TAG_UPDATE,
            Permission.TAG_DELETE,
        ),
    ),
    *_item_routes(
        "credential",
        "/v1/integrations/registries",
        lambda api: api.registries,
        documents.registry,
        (
            Permission.REGISTRY_READ,
            Permission.REGISTRY_CREATE,
            Permission.REGISTRY_UPDATE,
            Permission.REGISTRY_DELETE,
        ),
    ),
)
