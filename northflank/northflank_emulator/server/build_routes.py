"""The routes of build services, and of the builds of services and jobs."""

from __future__ import annotations

from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.server import responses
from northflank_emulator.server.routing import Call, Route, data, nothing, operation, paged
from northflank_emulator.state.models import Builder, BuilderKind, BuildService
from northflank_emulator.state.permissions import Permission

_P = "/v1/projects/{project}"
_SERVICES = f"{_P}/services"
_SERVICE = f"{_SERVICES}/{{service}}"


def _names(call: Call) -> tuple[str, str]:
    return call.params["project"], call.params["service"]


def _made(call: Call, service: BuildService) -> JsonObject:
    return data(responses.service_created(service, call.api.store.builds.of(_builder_of(service))))


def _builder_of(service: BuildService) -> Builder:
    return Builder(project=service.project, kind=BuilderKind.SERVICE, id=service.id)


def _create(call: Call) -> JsonObject:
    return _made(call, call.api.services.create(call.params["project"], call.body))


def _upsert(call: Call) -> JsonObject:
    return _made(call, call.api.services.upsert(call.params["project"], call.body))


def _patch(call: Call) -> JsonObject:
    return _made(call, call.api.services.patch(*_names(call), call.body))


def _list(call: Call) -> JsonObject:
    def show(service: BuildService) -> JsonObject:
        return responses.service_listed(service, call.api.store.builds.of(_builder_of(service)))

    return paged("services", call.page(call.api.services.all(call.params["project"])), show)


def _get(call: Call) -> JsonObject:
    service = call.api.domain.service(*_names(call))
    builds = call.api.store.builds.of(_builder_of(service))
    return data(responses.service_read(service, builds, call.api.settings.choices))


def _delete(call: Call) -> JsonObject:
    call.api.services.delete(*_names(call))
    return nothing()


def _builder(call: Call) -> Builder:
    """Return the job or build service that a path names."""
    kind = BuilderKind.SERVICE if "service" in call.params else BuilderKind.JOB
    return Builder(project=call.params["project"], kind=kind, id=call.params[kind.value])


def _start_build(call: Call) -> JsonObject:
    return data(responses.build(call.api.builds.start(_builder(call), call.body)))


def _list_builds(call: Call) -> JsonObject:
    return paged("builds", call.page(call.api.builds.all(_builder(call))), responses.build)


def _get_build(call: Call) -> JsonObject:
    return data(responses.build(call.api.builds.get(_builder(call), call.params["build"])))


def _abort_build(call: Call) -> JsonObject:
    call.api.builds.abort(_builder(call), call.params["build"])
    return nothing()


def _build_routes(kind: BuilderKind, read: Permission, update: Permission) -> tuple[Route, ...]:
    builds = f"{_P}/{kind.value}s/{{{kind.value}}}/build"
    one = f"{builds}/{{build}}"
    return (
        operation(f"start.{kind.value}.build", "POST", builds, update, _start_build),
        operation(f"get.{kind.value}.builds", "GET", builds, read, _list_builds),
        operation(f"get.{kind.value}.build", "GET", one, read, _get_build),
        operation(f"abort.{kind.value}.build", "DELETE", one, update, _abort_build),
    )


ROUTES: tuple[Route, ...] = (
    operation(
        "create.service.build", "POST", f"{_SERVICES}/build", Permission.SERVICE_CREATE, _create
    ),
    operation("put.service.build", "PUT", f"{_SERVICES}/build", Permission.SERVICE_CREATE, _upsert),
    operation(
        "patch.service.build",
        "PATCH",
        f"{_SERVICES}/build/{{service}}",
        Permission.SERVICE_UPDATE,
        _patch,
    ),
    operation("list.services", "GET", _SERVICES, Permission.SERVICE_READ, _list),
    operation("get.service", "GET", _SERVICE, Permission.SERVICE_READ, _get),
    operation("delete.service", "DELETE", _SERVICE, Permission.SERVICE_DELETE, _delete),
    *_build_routes(BuilderKind.SERVICE, Permission.SERVICE_READ, Permission.SERVICE_UPDATE),
    *_build_routes(BuilderKind.JOB, Permission.JOB_READ, Permission.JOB_UPDATE),
)
