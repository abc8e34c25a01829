"""The routes of jobs and their runs, containers, logs."""

from __future__ import annotations

from northflank_emulator.domain import jobs
from northflank_emulator.fields import job_fields
from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.server import responses
from northflank_emulator.server.routing import Call, Route, data, nothing, one_of, operation, paged
from northflank_emulator.state.container_environment import BUILD, RUNTIME, inherited
from northflank_emulator.state.job_spec import part, variables
from northflank_emulator.state.models import Builder, BuilderKind, Job
from northflank_emulator.state.permissions import Permission

_P = "/v1/projects/{project}"
_JOB = f"{_P}/jobs/{{job}}"


def _created(call: Call, job: Job, variant: jobs.Variant) -> JsonObject:
    builds = call.api.store.builds.of(Builder(project=job.project, kind=BuilderKind.JOB, id=job.id))
    show = responses.job_created if variant.only is None else responses.job_created_flat
    return data(show(job, builds))


def _create(call: Call, variant: jobs.Variant) -> JsonObject:
    return _created(call, call.api.jobs.create(call.params["project"], call.body, variant), variant)


def _upsert(call: Call, variant: jobs.Variant) -> JsonObject:
    return _created(call, call.api.jobs.upsert(call.params["project"], call.body, variant), variant)


def _patch(call: Call, variant: jobs.Variant) -> JsonObject:
    job = call.api.jobs.patch(*_names(call), call.body, variant)
    return _created(call, job, variant)


def _variant_routes(name: str, path: str, variant: jobs.Variant) -> tuple[Route, ...]:
    return (
        Route(
            operation=f"create.{name}",
            method="POST",
            path=f"{_P}/{path}",
            permission=Permission.JOB_CREATE,
            handler=lambda call: _create(call, variant),
        ),
        Route(
            operation=f"put.{name}",
            method="PUT",
            path=f"{_P}/{path}",
            permission=Permission.JOB_CREATE,
            handler=lambda call: _upsert(call, variant),
        ),
        Route(
            operation=f"patch.{name}",
            method="PATCH",
            path=f"{_P}/{path}/{{job}}",
            permission=Permission.JOB_UPDATE,
            handler=lambda call: _patch(call, variant),
        ),
    )


def _names(call: Call) -> tuple[str, str]:
    return call.params["project"], call.params["job"]


def _list(call: Call) -> JsonObject:
    page = call.page(call.api.jobs.all(call.params["project"]))
    return paged("jobs", page, responses.job_listed)


def _get(call: Call) -> JsonObject:
    return data(responses.job_read(call.api.domain.job(*_names(call))))


def _delete(call: Call) -> JsonObject:
    call.api.jobs.delete(*_names(call))
    return nothing()


def _pause(call: Call) -> JsonObject:
    call.api.jobs.pause(*_names(call))
    return nothing()


def _resume(call: Call) -> JsonObject:
    call.api.jobs.resume(*_names(call), call.body)
    return nothing()


def _suspend(call: Call) -> JsonObject:
    call.api.jobs.suspend(*_names(call), call.body)
    return nothing()


def _scale(call: Call) -> JsonObject:
    call.api.jobs.scale(*_names(call), call.body)
    return nothing()


def _settings(call: Call) -> JsonObject:
    call.api.jobs.update_settings(*_names(call), call.body)
    return nothing()


def _build_source(call: Call) -> JsonObject:
    call.api.jobs.update_build_source(*_names(call), call.body)
    return nothing()


def _deployment(call: Call) -> JsonObject:
    job = call.api.domain.job(*_names(call))
    builder = call.api.domain.builder(job.project, job.id, part(job.spec, "deployment"))
    builds = call.api.store.builds.of(builder)
    return data(responses.deployment(job, builder, builds[-1] if builds else None))


def _deploy(call: Call) -> JsonObject:
    call.api.jobs.deploy(*_names(call), call.body)
    return nothing()


def _inherited(call: Call, job: Job, kinds: frozenset[str]) -> dict[str, str]:
    """Return what secret groups give *job*; nothing, where the caller may not read secret groups."""
    if not call.may(Permission.SECRET_READ):
        return {}
    return inherited(call.api.store.secrets.of(job.project), job, kinds)


def _variables(call: Call, field: str, files: str, kinds: frozenset[str]) -> JsonObject:
    """Read a job's variables; `show` leaves out the job's own or the groups' part."""
    job = call.api.domain.job(*_names(call))
    show = one_of(call, "show", ("this", "inherited", "all"), "this")
    groups = _inherited(call, job, kinds) if show != "this" else {}
    own = variables(job.spec, field) if show != "inherited" else {}
    shown_files = part(job.spec, files) if show != "inherited" else {}
    return data({field: {**groups, **own}, files: shown_files})


def _environment(call: Call) -> JsonObject:
    return _variables(call, "runtimeEnvironment", "runtimeFiles", RUNTIME)


def _build_arguments(call: Call) -> JsonObject:
    return _variables(call, "buildArguments", "buildFiles", BUILD)


def _details(call: Call, field: str, files: str, kinds: frozenset[str]) -> JsonObject:
    """Read a job's variables with where each comes from."""
    job = call.api.domain.job(*_names(call))
    shown: JsonObject = {
        name: {"value": value, "inheritedFrom": [], "inherited": True}
        for name, value in _inherited(call, job, kinds).items()
    }
    for name, value in variables(job.spec, field).items():
        shown[name] = {"value": value, "inheritedFrom": [], "inherited": False}
    return data({field: shown, files: part(job.spec, files)})


def _environment_details(call: Call) -> JsonObject:
    return _details(call, "runtimeEnvironment", "runtimeFiles", RUNTIME)


def _build_argument_details(call: Call) -> JsonObject:
    return _details(call, "buildArguments", "buildFiles", BUILD)


def _update_build_arguments(call: Call) -> JsonObject:
    call.api.jobs.update(*_names(call), call.body, job_fields.UPDATE_BUILD_ARGUMENTS)
    return nothing()


def _update_environment(call: Call) -> JsonObject:
    call.api.jobs.update(*_names(call), call.body, job_fields.UPDATE_ENVIRONMENT)
    return nothing()


def _health_checks(call: Call) -> JsonObject:
    spec = call.api.domain.job(*_names(call)).spec
    return data({"healthChecks": spec.get("healthChecks", [])})


def _update_health_checks(call: Call) -> JsonObject:
    call.api.jobs.update(*_names(call), call.body, job_fields.UPDATE_HEALTH_CHECKS)
    return nothing()


ROUTES: tuple[Route, ...] = (
    *_variant_routes("job.manual", "jobs/manual", jobs.MANUAL),
    *_variant_routes("job.cron", "jobs/cron", jobs.CRON),
    *_variant_routes("job", "jobs", jobs.GENERAL),
    operation("list.jobs", "GET", f"{_P}/jobs", Permission.JOB_READ, _list),
    operation("get.job", "GET", _JOB, Permission.JOB_READ, _get),
    operation("delete.job", "DELETE", _JOB, Permission.JOB_DELETE, _delete),
    operation("pause.job", "POST", f"{_JOB}/pause", Permission.JOB_UPDATE, _pause),
    operation("resume.job", "POST", f"{_JOB}/resume", Permission.JOB_UPDATE, _resume),
    operation("suspend.job", "POST", f"{_JOB}/suspend", Permission.JOB_UPDATE, _suspend),
    operation("scale.job", "POST", f"{_JOB}/scale", Permission.JOB_UPDATE, _scale),
    operation("update.job.settings", "POST", f"{_JOB}/settings", Permission.JOB_UPDATE, _settings),
    operation(
        "update.job.build_source",
        "POST",
        f"{_JOB}/build-source",
        Permission.JOB_UPDATE,
        _build_source,
    ),
    operation("get.job.deployment", "GET", f"{_JOB}/deployment", Permission.JOB_READ, _deployment),
    operation(
        "update.job.deployment", "POST", f"{_JOB}/deployment", Permission.JOB_UPDATE, _deploy
    ),
    operation(
        "get.job.runtime_environment",
        "GET",
        f"{_JOB}/runtime-environment",
        Permission.JOB_SECRETS_READ,
        _environment,
    ),
    operation(
        "get.job.runtime_environment_details",
        "GET",
        f"{_JOB}/runtime-environment/details",
        Permission.JOB_SECRETS_READ,
        _environment_details,
    ),
    operation(
        "get.job.build_arguments",
        "GET",
        f"{_JOB}/build-arguments",
        Permission.JOB_SECRETS_READ,
        _build_arguments,
    ),
    operation(
        "get.job.build_argument_details",
        "GET",
        f"{_JOB}/build-arguments/details",
        Permission.JOB_SECRETS_READ,
        _build_argument_details,
    ),
    operation(
        "update.job.build_arguments",
        "POST",
        f"{_JOB}/build-arguments",
        Permission.JOB_SECRETS_UPDATE,
        _update_build_arguments,
    ),
    operation(
        "update.job.runtime_environment",
        "POST",
        f"{_JOB}/runtime-environment",
        Permission.JOB_SECRETS_UPDATE,
        _update_environment,
    ),
    operation(
        "get.job.health_checks",
        "GET",
        f"{_JOB}/health-checks",
        Permission.JOB_READ,
        _health_checks,
    ),
    operation(
        "update.job.health_checks",
        "POST",
        f"{_JOB}/health-checks",
        Permission.JOB_UPDATE,
        _update_health_checks,
    ),
)
