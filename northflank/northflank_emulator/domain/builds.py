"""Builds of jobs and build services: they take a while and succeed, but produce no image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from northflank_emulator.domain.context import DomainContext, accept, invalid
from northflank_emulator.errors import Conflict, not_found
from northflank_emulator.fields import job_fields, resource_fields
from northflank_emulator.fields.schema import Json, JsonObject, Problem
from northflank_emulator.state.job_spec import part
from northflank_emulator.state.models import (
    Build,
    Builder,
    BuilderKind,
    BuildService,
    BuildStatus,
    Job,
    WebhookEvent,
)

_SHA_DIGITS = 40
_ID_DIGITS = 24
_LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Commit:
    """The commit to build."""

    branch: str
    sha: str
    pull_request: str | int | None = None


class Builds:
    """The builds of all jobs and build services."""

    def __init__(self, context: DomainContext) -> None:
        self._context = context

    def start(self, builder: Builder, body: Json) -> Build:
        """Start a build, which succeeds after the time set in the settings.

        Raises:
            Conflict: the job has no version control source.
            InvalidRequest: the body does not say what a build service should build.
        """
        build = self._put_new(builder, self._commit(builder, body), BuildStatus.BUILDING)
        self._publish(build, "build:start")
        self._context.call_later(self._context.settings.pace.build, lambda: self._succeed(build))
        return build

    def ensure(self, builder: Builder, branch: str) -> Build:
        """Return a finished build of *branch*, and add one if there is none."""
        done = [
            it
            for it in self._context.store.builds.of(builder)
            if (it.branch, it.status) == (branch, BuildStatus.SUCCESS)
        ]
        if done:
            return done[-1]
        commit = _Commit(branch=branch, sha=_LATEST)
        self._conclude(self._put_new(builder, commit, BuildStatus.BUILDING), BuildStatus.SUCCESS)
        return self._context.store.builds.of(builder)[-1]

    def get(self, builder: Builder, key: str) -> Build:
        """Return the build *key*.

        Raises:
            NotFound: the job or build service does not exist, or has no such build.
        """
        self._known(builder)
        found = self._context.store.builds.get((builder, key))
        if found is None:
            raise not_found("build", key, _words(builder))
        return found

    def all(self, builder: Builder) -> list[Build]:
        """Return the builds of a job or build service, newest first."""
        self._known(builder)
        return self._context.store.builds.of(builder)[::-1]

    def deployed(self, job: Job, deployment: JsonObject) -> Build:
        """Return the newest finished build that the deployment of *job* allows; the job runs its image.

        Raises:
            Conflict: there is none.
        """
        builder = self._context.builder(job.project, job.id, deployment)
        wanted = part(deployment, "internal")
        fitting = [it for it in self._context.store.builds.of(builder) if _fits(it, wanted)]
        done = [it for it in fitting if it.status is BuildStatus.SUCCESS]
        if done:
            return done[-1]
        raise Conflict(_why_none(job, builder, wanted, fitting))

    def abort(self, builder: Builder, key: str) -> None:
        """Abort a build in progress; a finished one stays unchanged."""
        build = self.get(builder, key)
        if build.concluded_at is None:
            self._conclude(build, BuildStatus.ABORTED)
            self._publish(build, "build:abort")

    def forget(self, builder: Builder) -> None:
        """Remove the builds of a deleted job or build service."""
        for build in self._context.store.builds.of(builder):
            self._context.store.builds.remove(build)

    def fail_unfinished(self) -> None:
        """Mark the unfinished builds of an earlier emulator as failed."""
        for build in self._context.store.builds:
            if build.concluded_at is None:
                self._conclude(build, BuildStatus.FAILURE)

    def _known(self, builder: Builder) -> Job | BuildService:
        match builder.kind:
            case BuilderKind.JOB:
                return self._context.job(builder.project, builder.id)
            case BuilderKind.SERVICE:
                return self._context.service(builder.project, builder.id)

    def _commit(self, builder: Builder, body: Json) -> _Commit:
        known = self._known(builder)
        if isinstance(known, Job):
            return _of_job(known, accept(job_fields.START_BUILD, body))
        return _of_service(known, accept(resource_fields.START_SERVICE_BUILD, body))

    def _put_new(self, builder: Builder, commit: _Commit, status: BuildStatus) -> Build:
        sha = self._context.ids.hexadecimal(_SHA_DIGITS) if commit.sha == _LATEST else commit.sha
        return self._context.store.builds.put(
            Build(
                number=self._context.store.next_number(),
                id=self._context.ids.hexadecimal(_ID_DIGITS),
                project=builder.project,
                job=builder.id,
                kind=builder.kind,
                branch=commit.branch,
                pull_request=commit.pull_request,
                sha=sha,
                status=status,
                created_at=self._context.clock.now(),
            )
        )

    def _succeed(self, build: Build) -> None:
        current = self._context.store.builds.get((build.builder, build.id))
        if current is not None and current.concluded_at is None:
            self._conclude(current, BuildStatus.SUCCESS)
            self._publish(build, "build:success")

    def _conclude(self, build: Build, status: BuildStatus) -> None:
        now = self._context.clock.now()
        self._context.store.builds.put(replace(build, status=status, concluded_at=now))

    def _publish(self, build: Build, name: str) -> None:
        data: dict[str, Json] = {build.kind.value: {"id": build.job}, "build": {"id": build.id}}
        self._context.publish(WebhookEvent(name=name, project=build.project, data=data))


def _of_job(job: Job, accepted: JsonObject) -> _Commit:
    vcs = part(job.spec, "deployment", "vcs")
    if not vcs:
        raise Conflict(f"Job {job.id!r} has no version control source to build")
    return _Commit(branch=str(vcs["projectBranch"]), sha=str(accepted.get("sha", _LATEST)))


def _of_service(service: BuildService, accepted: JsonObject) -> _Commit:
    bundle = service.spec.get("buildSource") == "bundle"
    if bundle and "bundleUrl" not in accepted:
        raise invalid(
            [Problem(path="bundleUrl", message="is required: the service builds bundles")]
        )
    if not bundle and not accepted.keys() & {"branch", "pullRequestId"}:
        raise invalid(
            [
                Problem(
                    path="branch",
                    message="is required (or pullRequestId): a build service has no branch of its own",
                )
            ]
        )
    number = accepted.get("pullRequestId")
    return _Commit(
        branch=str(accepted.get("branch", "")),
        sha=str(accepted.get("sha", _LATEST)),
        pull_request=number if isinstance(number, str | int) else None,
    )


def _fits(build: Build, wanted: JsonObject) -> bool:
    sha = str(wanted.get("buildSHA", _LATEST)).lower()
    return (
        wanted.get("buildId") in {None, build.id}
        and wanted.get("branch") in {None, build.branch}
        and (sha == _LATEST or build.sha.startswith(sha))
    )


def _why_none(job: Job, builder: Builder, wanted: JsonObject, fitting: Sequence[Build]) -> str:
    """Return why *job* has no image, and which request builds one."""
    who = f"Job {job.id!r} cannot run"
    branch = str(wanted.get("branch", "main"))
    body = f' with {{"branch": "{branch}"}}' if builder.kind is BuilderKind.SERVICE else ""
    path = f"/v1/projects/{builder.project}/{builder.kind.value}s/{builder.id}/build"
    remedy = f"start one with POST {path}{body}"
    if fitting:
        latest = fitting[-1]
        if latest.concluded_at is None:
            return f"{who}: build {latest.id} of {_words(builder)} is in progress; run the job after it has succeeded"
        return f"{who}: build {latest.id} of {_words(builder)} ended as {latest.status.value}; {remedy}"
    asked = "".join(
        f" {words} {wanted[name]!r}"
        for name, words in (
            ("buildId", "with the id"),
            ("buildSHA", "of commit"),
            ("branch", "of branch"),
        )
        if wanted.get(name) not in {None, _LATEST}
    )
    return f"{who}: {_words(builder)} has no build{asked}; {remedy}"


def _words(builder: Builder) -> str:
    match builder.kind:
        case BuilderKind.JOB:
            return f"job {builder.id!r}"
        case BuilderKind.SERVICE:
            return f"build service {builder.id!r}"
