"""Builds of a job's source: they take their time and succeed, but make no image."""

from dataclasses import replace

from northflank_emulator import job_fields
from northflank_emulator.domain.world import World, accept
from northflank_emulator.errors import ConflictError, not_found
from northflank_emulator.job_spec import part
from northflank_emulator.models import Build, BuildStatus, Event
from northflank_emulator.schema import Json

_SHA_DIGITS = 40
_ID_DIGITS = 24


class Builds:
    """The builds of all jobs."""

    def __init__(self, world: World) -> None:
        self._world = world

    def start(self, project: str, job_id: str, body: Json) -> Build:
        """Start a build; it finishes by itself after the time the settings say.

        Raises:
            ConflictError: the job has no version control source.
        """
        job = self._world.job(project, job_id)
        accepted = accept(job_fields.START_BUILD, body)
        vcs = part(job.spec, "deployment", "vcs")
        if not vcs:
            message = f"Job {job_id!r} has no version control source to build"
            raise ConflictError(message)
        sha = str(accepted.get("sha", "latest"))
        build = Build(
            number=self._world.store.next_number(),
            id=self._world.ids.hexadecimal(_ID_DIGITS),
            project=project,
            job=job_id,
            branch=str(vcs["projectBranch"]),
            sha=self._world.ids.hexadecimal(_SHA_DIGITS) if sha == "latest" else sha,
            status=BuildStatus.BUILDING,
            created_at=self._world.clock.now(),
        )
        self._world.store.builds.put(build)
        self._tell(build, "build:start")
        self._world.later(self._world.settings.pace.build, lambda: self._succeed(build))
        return build

    def get(self, project: str, job: str, key: str) -> Build:
        """A build.

        Raises:
            NotFoundError: the job has no such build.
        """
        self._world.job(project, job)
        found = self._world.store.builds.get((project, job, key))
        if found is None:
            raise not_found("build", key, f"job {job!r}")
        return found

    def all(self, project: str, job: str) -> list[Build]:
        """The builds of a job, newest first."""
        self._world.job(project, job)
        return self._world.store.builds.of((project, job))[::-1]

    def abort(self, project: str, job: str, key: str) -> None:
        """Stop a build that is going on; one that is over stays as it is."""
        build = self.get(project, job, key)
        if build.concluded_at is None:
            self._conclude(build, BuildStatus.ABORTED)
            self._tell(build, "build:abort")

    def abandon(self) -> None:
        """Report the builds of an earlier emulator, which will not finish, as failed."""
        for build in self._world.store.builds:
            if build.concluded_at is None:
                self._conclude(build, BuildStatus.FAILURE)

    def _succeed(self, build: Build) -> None:
        current = self._world.store.builds.get((build.project, build.job, build.id))
        if current is not None and current.concluded_at is None:
            self._conclude(current, BuildStatus.SUCCESS)
            self._tell(build, "build:success")

    def _conclude(self, build: Build, status: BuildStatus) -> None:
        now = self._world.clock.now()
        self._world.store.builds.put(replace(build, status=status, concluded_at=now))

    def _tell(self, build: Build, name: str) -> None:
        data: dict[str, Json] = {"job": {"id": build.job}, "build": {"id": build.id}}
        self._world.tell(Event(name=name, project=build.project, data=data))
