"""Jobs: creating, updating, reading, pausing and deleting them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import cast

from cronsim import CronSim, CronSimError

from northflank_emulator.choices import BusyJob, ImagePathLength, Put, TakenName, TypeChange
from northflank_emulator.domain.context import (
    DomainContext,
    accept,
    check_references,
    check_source,
    invalid,
)
from northflank_emulator.errors import Conflict, InvalidRequest
from northflank_emulator.fields import job_fields
from northflank_emulator.fields.schema import Json, JsonObject, ObjectRule, Problem
from northflank_emulator.state import job_spec
from northflank_emulator.state.container_command import split
from northflank_emulator.state.ids import slug
from northflank_emulator.state.job_spec import part
from northflank_emulator.state.models import Job, JobType

_ANY_TIME = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""Any time serves to check a cron expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One of the three forms in which a job is sent: `/jobs`, `/jobs/manual`, `/jobs/cron`."""

    create: ObjectRule
    patch: ObjectRule
    general: Callable[[JsonObject], JsonObject]
    only: JobType | None = None


GENERAL = Variant(
    create=job_fields.CREATE_JOB, patch=job_fields.PATCH_JOB, general=job_spec.from_general
)
MANUAL = Variant(
    create=job_fields.CREATE_MANUAL_JOB,
    patch=job_fields.PATCH_MANUAL_JOB,
    general=job_spec.from_manual,
    only=JobType.MANUAL,
)
CRON = Variant(
    create=job_fields.CREATE_CRON_JOB,
    patch=job_fields.PATCH_CRON_JOB,
    general=job_spec.from_cron,
    only=JobType.CRON,
)


class Jobs:
    """The jobs of all projects. `on_deleted` is called with each job that is deleted."""

    def __init__(self, context: DomainContext, on_deleted: Callable[[Job], None]) -> None:
        self._context = context
        self._on_deleted = on_deleted

    def create(self, project: str, body: Json, variant: Variant) -> Job:
        """Create a job.

        Raises:
            Conflict: the project has a job with this name already.
        """
        self._context.project(project)
        accepted = accept(variant.create, body)
        key = slug(str(accepted["name"]))
        if self._context.store.jobs.get((project, key)) is not None:
            taken = Conflict(
                f"There is already a job with the same derived identifier {key!r}",
                {"name": [f"derives the identifier {key!r}, which is taken"]},
            )
            if self._context.settings.choices.taken_name is TakenName.BAD_REQUEST:
                raise InvalidRequest(taken.message, taken.details)
            raise taken
        return self._add(project, key, accepted, variant)

    def upsert(self, project: str, body: Json, variant: Variant) -> Job:
        """Create a job, or replace the whole specification of the one with this name.

        Raises:
            Conflict: the job exists with another type.
        """
        self._context.project(project)
        accepted = accept(variant.create, body)
        key = slug(str(accepted["name"]))
        old = self._context.store.jobs.get((project, key))
        if old is None:
            return self._add(project, key, accepted, variant)
        choices = self._context.settings.choices
        merge = choices.put is Put.MERGES
        new = job_spec.replaced(old.spec, variant.general(accepted), merge=merge)
        spec = job_spec.with_backoff(self._checked(project, key, new), choices.default_backoff)
        type_ = job_spec.type_of(spec)
        if type_ is not old.type and choices.type_change is TypeChange.REFUSED:
            raise Conflict(f"Job {key!r} is a {old.type.value} job; its type cannot be changed")
        return self._change(replace(old, type=type_), spec)

    def patch(self, project: str, key: str, body: Json, variant: Variant) -> Job:
        """Change the fields that *body* has; name, architecture and deployment are not among them."""
        job = self._context.job(project, key)
        if variant.only not in {None, job.type}:
            raise InvalidRequest(
                f"Job {key!r} is a {job.type.value} job; use the endpoint for these"
            )
        patch = variant.general(accept(variant.patch, body))
        if variant.only is not None and not part(patch, "settings"):
            patch.pop("settings", None)
        if "cron" in part(patch, "settings") and job.type is not JobType.CRON:
            raise InvalidRequest(f"Job {key!r} is a manual job; it has no schedule")
        return self._change(job, self._checked(project, key, self._patched(job, patch)))

    def all(self, project: str) -> list[Job]:
        """Return the jobs of a project, oldest first."""
        self._context.project(project)
        return self._context.store.jobs.of(project)

    def delete(self, project: str, key: str) -> None:
        """Delete a job with its runs and logs, and stop its active runs (undocumented).

        Raises:
            Conflict: it has active runs, and the settings choose to refuse that.
        """
        job = self._context.job(project, key)
        store = self._context.store
        refuse = self._context.settings.choices.busy_job is BusyJob.REFUSED
        if refuse and any(run.conclusion is None for run in store.runs.of((project, key))):
            raise Conflict(f"Job {key!r} has active runs; abort them first")
        self._on_deleted(job)
        store.jobs.remove(job)
        for run in store.runs.of((project, key)):
            store.logs.forget(run.id)
            store.runs.remove(run)

    def deploy(self, project: str, key: str, body: Json) -> Job:
        """Give a job a new image or command."""
        job = self._context.job(project, key)
        accepted = accept(job_fields.UPDATE_DEPLOYMENT, body)
        return self._change(
            job, self._checked(project, key, job_spec.with_deployment(job.spec, accepted))
        )

    def update(self, project: str, key: str, body: Json, rule: ObjectRule) -> Job:
        """Replace the fields that *rule* knows; each older endpoint does so with a group of fields."""
        job = self._context.job(project, key)
        return self._change(job, self._checked(project, key, {**job.spec, **accept(rule, body)}))

    def update_settings(self, project: str, key: str, body: Json) -> Job:
        """Change the limits and the schedule of a job."""
        job = self._context.job(project, key)
        accepted = accept(job_fields.UPDATE_SETTINGS, body)
        nested = job_spec.from_cron({**accepted, "name": job.name})
        if job.type is JobType.MANUAL:
            nested = job_spec.from_manual({**accepted, "name": job.name})
        return self._change(job, self._checked(project, key, self._patched(job, nested)))

    def update_build_source(self, project: str, key: str, body: Json) -> Job:
        """Change the repository or the branch that a job is built from."""
        job = self._context.job(project, key)
        vcs = {
            **part(job.spec, "deployment", "vcs"),
            **accept(job_fields.UPDATE_BUILD_SOURCE, body),
        }
        return self._change(
            job, self._checked(project, key, job_spec.with_deployment(job.spec, {"vcs": vcs}))
        )

    def scale(self, project: str, key: str, body: Json) -> Job:
        """Give a job another plan or storage."""
        job = self._context.job(project, key)
        accepted = accept(job_fields.SCALE_JOB, body)
        spec = dict(job.spec)
        if "deploymentPlan" in accepted:
            spec["billing"] = {
                **part(spec, "billing"),
                "deploymentPlan": accepted["deploymentPlan"],
            }
        if "storage" in accepted:
            spec["deployment"] = {**part(spec, "deployment"), "storage": accepted["storage"]}
        return self._change(job, self._checked(project, key, spec))

    def pause(self, project: str, key: str) -> Job:
        """Refuse new runs from now on; active runs continue."""
        return self._put(replace(self._context.job(project, key), paused=True))

    def resume(self, project: str, key: str, body: Json) -> Job:
        """Accept runs again.

        Raises:
            Conflict: the job is not paused.
        """
        job = self._context.job(project, key)
        accepted = accept(job_fields.RESUME_JOB, body)
        if not job.paused:
            raise Conflict(f"Job {key!r} is not paused")
        return self._put(
            replace(
                job,
                paused=False,
                suspended=bool(accepted.get("suspended", job.suspended)),
                disabled_cd=bool(accepted.get("disabledCD", job.disabled_cd)),
                spec={**job.spec, **_only(accepted, "disabledCI")},
            )
        )

    def suspend(self, project: str, key: str, body: Json) -> Job:
        """Suspend the schedule of a job, or resume it with `suspended: false`.

        Raises:
            Conflict: the job is not a cron job, or is in that state already.
        """
        job = self._context.job(project, key)
        wanted = bool(accept(job_fields.SUSPEND_JOB, body).get("suspended", True))
        if job.type is not JobType.CRON:
            raise Conflict(f"Job {key!r} is a manual job; only cron jobs can be suspended")
        if job.suspended == wanted:
            raise Conflict(f"Job {key!r} is {'already' if wanted else 'not'} suspended")
        return self._put(replace(job, suspended=wanted))

    def _patched(self, job: Job, patch: JsonObject) -> JsonObject:
        return job_spec.patched(job.spec, patch, self._context.settings.choices)

    def _add(self, project: str, key: str, body: JsonObject, variant: Variant) -> Job:
        limit = self._context.settings.limits.jobs_per_project
        if len(self._context.store.jobs.of(project)) >= limit:
            raise Conflict(f"Project {project!r} has {limit} jobs, the most that it can have")
        default = self._context.settings.choices.default_backoff
        checked = self._checked(project, key, variant.general(body))
        spec = job_spec.with_backoff(checked, default)
        now = self._context.clock.now()
        job = Job(
            number=self._context.store.next_number(),
            uid=self._context.ids.hexadecimal(24),
            id=key,
            project=project,
            name=str(body["name"]),
            type=job_spec.type_of(spec),
            spec=spec,
            created_at=now,
            updated_at=now,
            suspended=bool(part(spec, "settings", "cron").get("suspended", False)),
        )
        return self._context.store.jobs.put(job)

    def _change(self, job: Job, spec: JsonObject) -> Job:
        suspended = part(spec, "settings", "cron").get("suspended", job.suspended)
        return self._put(replace(job, spec=spec, suspended=bool(suspended)))

    def _put(self, job: Job) -> Job:
        return self._context.store.jobs.put(replace(job, updated_at=self._context.clock.now()))

    def _checked(self, project: str, key: str, spec: JsonObject) -> JsonObject:
        """Return *spec* of the job *key* after the checks that involve more than one field."""
        check_references(self._context, spec)
        deployment = part(spec, "deployment")
        _check_image(deployment, self._context.settings.choices.image_path_length)
        check_source(self._context, project, key, deployment)
        for kind in ("docker", "buildpack"):
            for name in ("customEntrypoint", "customCommand", "customProcess"):
                split(part(deployment, kind).get(name))
        if "vcs" in deployment and "buildSettings" not in spec:
            raise invalid(
                [Problem(path="buildSettings", message="is required with a vcs deployment")]
            )
        _check_schedule(part(spec, "settings", "cron").get("schedule"))
        return spec


def _check_image(deployment: JsonObject, limit: ImagePathLength) -> None:
    path = str(part(deployment, "external").get("imagePath", ""))
    if len(path) > int(limit.value):
        message = f"must have at most {limit.value} characters"
        raise invalid([Problem(path="deployment.external.imagePath", message=message)])


def _only(body: JsonObject, name: str) -> JsonObject:
    """Return the field *name* of *body*, if it is there."""
    return {name: body[name]} if name in body else {}


def _check_schedule(schedule: object) -> None:
    if schedule is None:
        return
    try:
        CronSim(cast("str", schedule), _ANY_TIME)
    except CronSimError as error:
        raise invalid(
            [Problem(path="settings.cron.schedule", message=f"is not a cron expression: {error}")]
        ) from error
