"""The routes of jobs."""

from __future__ import annotations

from collections.abc import Callable

from northflank_emulator.domain import jobs
from northflank_emulator.domain.jobs import Jobs
from northflank_emulator.fields.job_fields import (
    UPDATE_BUILD_ARGUMENTS,
    UPDATE_ENVIRONMENT,
    UPDATE_HEALTH_CHECKS,
)
from northflank_emulator.fields.schema import Json, JsonObject, ObjectRule
from northflank_emulator.server import responses
from northflank_emulator.server.routing import (
    Call,
    Handler,
    Route,
    data,
    nothing,
    one_of,
    operation,
    paged,
)
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


def _variant_routes(name: str, path: str, variant: jobs.Variant) -> tuple[Route, ...]:
    def create(call: Call) -> JsonObject:
        job = call.api.jobs.create(call.params["project"], call.body, variant)
        return _created(call, job, variant)

    def upsert(call: Call) -> JsonObject:
        job = call.api.jobs.upsert(call.params["project"], call.body, variant)
        return _created(call, job, variant)

    def patch(call: Call) -> JsonObject:
        return _created(call, call.api.jobs.patch(*_names(call), call.body, variant), variant)

    every, one = f"{_P}/{path}", f"{_P}/{path}/{{job}}"
    return (
        operation(f"create.{name}", "POST", every, Permission.JOB_CREATE, create),
        operation(f"put.{name}", "PUT", every, Permission.JOB_CREATE, upsert),
        operation(f"patch.{name}", "PATCH", one, Permission.JOB_UPDATE, patch),
    )


def _names(call: Call) -> tuple[str, str]:
    return call.params["project"], call.params["job"]


def _list(call: Call) -> JsonObject:
    page = call.page(call.api.jobs.all(call.params["project"]))
    return paged("jobs", page, responses.job_listed)


def _get(call: Call) -> JsonObject:
    return data(responses.job_read(call.api.domain.job(*_names(call))))


def _action(act: Callable[[Jobs, str, str, Json], object]) -> Handler:
    """Return a handler that calls *act* for the job of the path, and answers with no data."""

    def handler(call: Call) -> JsonObject:
        act(call.api.jobs, *_names(call), call.body)
        return nothing()

    return handler


def _without_body(
    act: Callable[[Jobs, str, str], object],
) -> Callable[[Jobs, str, str, Json], object]:
    return lambda jobs_, project, job, _: act(jobs_, project, job)


def _update(rule: ObjectRule) -> Handler:
    """Return a handler that replaces those fields of a job that *rule* knows."""
    return _action(lambda jobs_, project, job, body: jobs_.update(project, job, body, rule))


def _deployment(call: Call) -> JsonObject:
    job = call.api.domain.job(*_names(call))
    builder = call.api.domain.builder(job.project, job.id, part(job.spec, "deployment"))
    builds = call.api.store.builds.of(builder)
    return data(responses.deployment(job, builder, builds[-1] if builds else None))


def _inherited(call: Call, job: Job, kinds: frozenset[str]) -> dict[str, str]:
    """Return the variables *job* gets from secret groups; none if the caller may not read those."""
    if not call.may(Permission.SECRET_READ):
        return {}
    return inherited(call.api.store.secrets.of(job.project), job, kinds)


def _variables(field: str, files: str, kinds: frozenset[str]) -> Handler:
    """Return a handler that shows a job's variables: its own, those of secret groups, or both."""

    def handler(call: Call) -> JsonObject:
        job = call.api.domain.job(*_names(call))
        show = one_of(call, "show", ("this", "inherited", "all"), "this")
        groups = _inherited(call, job, kinds) if show != "this" else {}
        own = variables(job.spec, field) if show != "inherited" else {}
        shown_files = part(job.spec, files) if show != "inherited" else {}
        return data({field: {**groups, **own}, files: shown_files})

    return handler


def _details(field: str, files: str, kinds: frozenset[str]) -> Handler:
    """Return a handler that shows a job's variables, each with where it comes from."""

    def handler(call: Call) -> JsonObject:
        job = call.api.domain.job(*_names(call))
        shown: JsonObject = {
            name: {"value": value, "inheritedFrom": [], "inherited": True}
            for name, value in _inherited(call, job, kinds).items()
        }
        for name, value in variables(job.spec, field).items():
            shown[name] = {"value": value, "inheritedFrom": [], "inherited": False}
        return data({field: shown, files: part(job.spec, files)})

    return handler


def _health_checks(call: Call) -> JsonObject:
    spec = call.api.domain.job(*_names(call)).spec
    return data({"healthChecks": spec.get("healthChecks", [])})


_ENVIRONMENT = ("runtimeEnvironment", "runtimeFiles", RUNTIME)
_ARGUMENTS = ("buildArguments", "buildFiles", BUILD)
_ROUTES_OF_A_JOB: dict[Permission, tuple[tuple[str, str, str, Handler], ...]] = {
    Permission.JOB_READ: (
        ("get.job", "GET", "", _get),
        ("get.job.deployment", "GET", "/deployment", _deployment),
        ("get.job.health_checks", "GET", "/health-checks", _health_checks),
    ),
    Permission.JOB_DELETE: (("delete.job", "DELETE", "", _action(_without_body(Jobs.delete))),),
    Permission.JOB_UPDATE: (
        ("pause.job", "POST", "/pause", _action(_without_body(Jobs.pause))),
        ("resume.job", "POST", "/resume", _action(Jobs.resume)),
        ("suspend.job", "POST", "/suspend", _action(Jobs.suspend)),
        ("scale.job", "POST", "/scale", _action(Jobs.scale)),
        ("update.job.settings", "POST", "/settings", _action(Jobs.update_settings)),
        ("update.job.build_source", "POST", "/build-source", _action(Jobs.update_build_source)),
        ("update.job.deployment", "POST", "/deployment", _action(Jobs.deploy)),
        ("update.job.health_checks", "POST", "/health-checks", _update(UPDATE_HEALTH_CHECKS)),
    ),
    Permission.JOB_SECRETS_READ: (
        ("get.job.runtime_environment", "GET", "/runtime-environment", _variables(*_ENVIRONMENT)),
        (
            "get.job.runtime_environment_details",
            "GET",
            "/runtime-environment/details",
            _details(*_ENVIRONMENT),
        ),
        ("get.job.build_arguments", "GET", "/build-arguments", _variables(*_ARGUMENTS)),
        (
            "get.job.build_argument_details",
            "GET",
            "/build-arguments/details",
            _details(*_ARGUMENTS),
        ),
    ),
    Permission.JOB_SECRETS_UPDATE: (
        ("update.job.build_arguments", "POST", "/build-arguments", _update(UPDATE_BUILD_ARGUMENTS)),
        (
            "update.job.runtime_environment",
            "POST",
            "/runtime-environment",
            _update(UPDATE_ENVIRONMENT),
        ),
    ),
}
"""By permission: the name, the method, the path below the job's, and the handler."""

ROUTES: tuple[Route, ...] = (
    *_variant_routes("job.manual", "jobs/manual", jobs.MANUAL),
    *_variant_routes("job.cron", "jobs/cron", jobs.CRON),
    *_variant_routes("job", "jobs", jobs.GENERAL),
    operation("list.jobs", "GET", f"{_P}/jobs", Permission.JOB_READ, _list),
    *(
        operation(name, method, _JOB + path, permission, handler)
        for permission, rows in _ROUTES_OF_A_JOB.items()
        for name, method, path, handler in rows
    ),
)
