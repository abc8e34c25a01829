"""What all resources of the API share: state, clock, ids, settings, and checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from northflank_emulator.choices import MissingReference, PlanUnderscore
from northflank_emulator.errors import ApiError, InvalidRequest, NotFound, not_found
from northflank_emulator.fields.catalog import PLANS
from northflank_emulator.fields.schema import Json, JsonObject, ObjectRule, Problem, check
from northflank_emulator.settings import Settings
from northflank_emulator.state.clock import Clock
from northflank_emulator.state.ids import Ids
from northflank_emulator.state.job_spec import part
from northflank_emulator.state.models import (
    Builder,
    BuilderKind,
    BuildService,
    Job,
    Project,
    WebhookEvent,
)
from northflank_emulator.state.store import Store

_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainContext:
    """The state of one emulator, and what its resources need beside it.

    `publish` sends an event to webhooks; `call_later` calls a function after some seconds.
    """

    store: Store
    clock: Clock
    ids: Ids
    settings: Settings
    publish: Callable[[WebhookEvent], None]
    call_later: Callable[[float, Callable[[], None]], None]

    def project(self, key: str) -> Project:
        """Return the project *key*.

        Raises:
            NotFound: the project does not exist.
        """
        found = self.store.projects.get(key)
        if found is None:
            raise not_found("project", key)
        return found

    def job(self, project: str, key: str) -> Job:
        """Return the job *key* of a project.

        Raises:
            NotFound: the project or the job does not exist.
        """
        self.project(project)
        found = self.store.jobs.get((project, key))
        if found is None:
            raise not_found("job", key, f"project {project!r}")
        return found

    def service(self, project: str, key: str) -> BuildService:
        """Return the build service *key* of a project.

        Raises:
            NotFound: the project or the service does not exist.
        """
        self.project(project)
        found = self.store.services.get((project, key))
        if found is None:
            raise not_found("service", key, f"project {project!r}")
        return found

    def builder(self, project: str, job: str, deployment: JsonObject) -> Builder:
        """Return the build service or job that builds the image of *job*, by default the job itself."""
        named = str(part(deployment, "internal").get("id", job))
        is_service = self.store.services.get((project, named)) is not None
        kind = BuilderKind.SERVICE if is_service and "internal" in deployment else BuilderKind.JOB
        return Builder(project=project, kind=kind, id=named)


def accept(rule: ObjectRule, body: Json) -> JsonObject:
    """Return *body* if it follows *rule*.

    Raises:
        InvalidRequest: it does not; the error has every problem of every field.
    """
    problems = list(check(rule, body))
    if problems or not isinstance(body, dict):
        raise invalid(problems)
    return body


def spec_of(body: JsonObject) -> JsonObject:
    """Return the specification in a create body: everything but the name."""
    return {name: value for name, value in body.items() if name != "name"}


def invalid(problems: list[Problem]) -> InvalidRequest:
    """Return the error for a body with *problems*."""
    words, details = _told(problems)
    return InvalidRequest(f"Invalid request body: {words}", details)


def _missing(context: DomainContext, problems: list[Problem]) -> ApiError:
    """Return the error for a body that names what does not exist."""
    if context.settings.choices.missing_reference is MissingReference.BAD_REQUEST:
        return invalid(problems)
    words, details = _told(problems)
    return NotFound(f"Not found: {words}", details)


def _told(problems: list[Problem]) -> tuple[str, dict[str, list[str]]]:
    """Return *problems* in words, and by their fields."""
    details: dict[str, list[str]] = {}
    for problem in problems:
        details.setdefault(problem.path, []).append(problem.message)
    shown = [f"{problem.path} {problem.message}" for problem in problems[:_SHOWN_PROBLEMS]]
    rest = len(problems) - len(shown)
    if rest:
        shown.append(f"and {rest} more")
    return "; ".join(shown), details


def check_references(context: DomainContext, spec: JsonObject) -> None:
    """Check that the tags, plans and registry credentials that *spec* names exist.

    Raises:
        InvalidRequest: something does not (`NotFound` if the settings choose that).
    """
    if context.settings.choices.plan_underscore is PlanUnderscore.REFUSED:
        _check_underscores(spec)
    problems = [
        *_unknown_tags(context, spec),
        *_unknown_plans(spec),
        *_unknown_credentials(context, spec),
    ]
    if problems:
        raise _missing(context, problems)


def check_source(context: DomainContext, project: str, job: str, deployment: JsonObject) -> None:
    """Check that the build service or job that *deployment* names exists.

    Raises:
        InvalidRequest: it does not exist (`NotFound` if the settings choose that).
    """
    named = part(deployment, "internal").get("id", job)
    known = (context.store.services, context.store.jobs)
    if named != job and not any(table.get((project, named)) for table in known):
        raise _missing(
            context,
            [
                Problem(
                    path="deployment.internal.id",
                    message=f"names {named!r}, which is not a build service of project {project!r}; "
                    f"create it with POST /v1/projects/{project}/services/build",
                )
            ],
        )


def _check_underscores(spec: JsonObject) -> None:
    """Check that no plan has a name with `_`, which the documented pattern excludes."""
    billing = part(spec, "billing")
    problems = [
        Problem(path=f"billing.{name}", message=f"is {billing[name]!r}, which has a `_`")
        for name in ("deploymentPlan", "buildPlan")
        if "_" in str(billing.get(name, ""))
    ]
    if problems:
        raise invalid(problems)


def _unknown_tags(context: DomainContext, spec: JsonObject) -> list[Problem]:
    tags = spec.get("tags")
    return [
        Problem(path="tags", message=f"names {tag!r}, which is not defined; create the tag first")
        for tag in (tags if isinstance(tags, list) else ())
        if context.store.tags.get(str(tag)) is None
    ]


def _unknown_plans(spec: JsonObject) -> list[Problem]:
    return [
        Problem(
            path=f"billing.{name}", message=f"is {plan!r}, which is not a plan; see GET /v1/plans"
        )
        for name in ("deploymentPlan", "buildPlan")
        if (plan := part(spec, "billing").get(name)) is not None and plan not in PLANS
    ]


def _unknown_credentials(context: DomainContext, spec: JsonObject) -> list[Problem]:
    named = [
        ("deployment.external.credentials", part(spec, "deployment", "external").get("credentials"))
    ]
    configured = part(spec, "buildConfiguration").get("dockerCredentials")
    if isinstance(configured, list):
        named += [("buildConfiguration.dockerCredentials", it) for it in configured]
    return [
        Problem(path=path, message=f"names {key!r}, which is not a registry credential")
        for path, key in named
        if isinstance(key, str) and context.store.registries.get(key) is None
    ]
