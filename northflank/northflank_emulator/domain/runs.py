"""Job runs: starting, reading, listing and aborting them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from northflank_emulator.choices import LateAbort, RefusedStart, RunOrder
from northflank_emulator.domain.builds import Builds
from northflank_emulator.domain.context import DomainContext, accept, check_references, check_source
from northflank_emulator.errors import Conflict, InvalidRequest, not_found
from northflank_emulator.execution.container import ContainerSpec
from northflank_emulator.fields import job_fields
from northflank_emulator.fields.catalog import plans
from northflank_emulator.fields.schema import Json, JsonObject
from northflank_emulator.state import container_environment, job_spec
from northflank_emulator.state.container_command import split
from northflank_emulator.state.job_spec import part, variables
from northflank_emulator.state.models import Ending, Job, Run

_RUN_NAME_DIGITS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class RunControl:
    """How runs are started and stopped."""

    begin: Callable[[Run], None]
    stop: Callable[[str, Ending], None]


class Runs:
    """The runs of all jobs."""

    def __init__(self, context: DomainContext, builds: Builds, control: RunControl) -> None:
        self._context = context
        self._builds = builds
        self._control = control

    def start(self, project: str, job_id: str, body: Json, *, scheduled: bool = False) -> Run:
        """Start a run of a job.

        Raises:
            Conflict: the job is paused, has no image, or no finished build.
        """
        job = self._context.job(project, job_id)
        overrides = accept(job_fields.START_RUN, body)
        spec = job_spec.effective(job.spec, overrides)
        check_references(self._context, spec)
        check_source(self._context, project, job_id, part(spec, "deployment"))
        split(part(spec, "deployment", "docker").get("customCommand"))
        split(part(spec, "deployment", "docker").get("customEntrypoint"))
        _files(part(spec, "runtimeFiles"))
        run = Run(
            number=self._context.store.next_number(),
            id=self._context.ids.uid(),
            project=project,
            job=job_id,
            name=f"{job_id}-{self._context.ids.hexadecimal(_RUN_NAME_DIGITS)}",
            overrides=overrides,
            spec=spec,
            image=self._image_or_refusal(job, part(spec, "deployment")),
            started_at=self._context.clock.now(),
            scheduled=scheduled,
        )
        self._prune(job)
        self._context.store.runs.put(run)
        self._control.begin(run)
        return run

    def get(self, project: str, job: str, key: str) -> Run:
        """Return the run *key*.

        Raises:
            NotFound: the job has no such run.
        """
        self._context.job(project, job)
        found = self._context.store.runs.get((project, job, key))
        if found is None:
            raise not_found("run", key, f"job {job!r}")
        return found

    def all(self, project: str, job: str) -> list[Run]:
        """Return the runs of a job in the order that the settings choose."""
        self._context.job(project, job)
        runs = self._context.store.runs.of((project, job))
        newest_first = self._context.settings.choices.run_order is RunOrder.NEWEST_FIRST
        return runs[::-1] if newest_first else runs

    def abort(self, project: str, job: str, key: str) -> None:
        """Abort a run, which ends with its container; a finished run stays unchanged.

        Raises:
            Conflict: the run is over, and the settings choose to refuse that.
        """
        run = self.get(project, job, key)
        refuse = self._context.settings.choices.late_abort is LateAbort.REFUSED
        if refuse and run.conclusion is not None:
            raise Conflict(f"Run {key!r} of job {job!r} is over")
        self._control.stop(run.id, Ending.ABORTED)

    def stop_all(self, job: Job) -> None:
        """Abort every active run of a job."""
        for run in self._context.store.runs.of((job.project, job.id)):
            if run.conclusion is None:
                self._control.stop(run.id, Ending.ABORTED)

    def prepare(self, run: Run, name: str) -> ContainerSpec:
        """Return the container *name* to start for the next attempt of *run*."""
        groups = {}
        job = self._context.store.jobs.get((run.project, run.job))
        if job is not None:
            groups = container_environment.inherited(
                self._context.store.secrets.of(run.project), job
            )
        platform = {
            "NF_PROJECT_ID": run.project,
            "NF_OBJECT_ID": run.job,
            "NF_HOSTS": "{}",
            "HOSTNAME": name,
        }
        choices = self._context.settings.choices
        named = str(part(run.spec, "billing").get("deploymentPlan"))
        plan = plans(choices.gpu_plans).get(named)
        return ContainerSpec(
            job=run.job,
            name=name,
            image=run.image,
            deployment=part(run.spec, "deployment"),
            environment=container_environment.container_variables(
                groups,
                variables(run.spec, "runtimeEnvironment"),
                platform,
                self._context.ids.hexadecimal,
                choices.unknown_variable,
            ),
            files=_files(part(run.spec, "runtimeFiles")),
            memory_mb=plan.memory_mb if plan else None,
        )

    def _image_or_refusal(self, job: Job, deployment: JsonObject) -> str:
        try:
            return self._image(job, deployment)
        except Conflict as refusal:
            if self._context.settings.choices.refused_start is RefusedStart.CONFLICT:
                raise
            raise InvalidRequest(refusal.message, refusal.details) from refusal

    def _image(self, job: Job, deployment: JsonObject) -> str:
        """Return the image that a run of *job* uses now.

        Raises:
            Conflict: the job is paused, has no image, or no finished build.
        """
        if job.paused:
            raise Conflict(f"Job {job.id!r} is paused; resume it before you run it")
        external = part(deployment, "external").get("imagePath")
        if external:
            return str(external)
        if deployment.keys() & {"vcs", "internal"}:
            return self._builds.deployed(job, deployment).image
        raise Conflict(
            f"Job {job.id!r} has no deployment: set deployment.external.imagePath in the job "
            "or in the run"
        )

    def _prune(self, job: Job) -> None:
        """Make room for one more run: remove the oldest finished runs with their logs."""
        store = self._context.store
        runs = store.runs.of((job.project, job.id))
        over = [run for run in runs if run.conclusion is not None]
        for run in over[: max(0, len(runs) + 1 - self._context.settings.limits.runs_per_job)]:
            store.logs.forget(run.id)
            store.runs.remove(run)


def _files(files: JsonObject) -> dict[str, bytes]:
    decoded = {}
    for path, file in files.items():
        data = file.get("data", "") if isinstance(file, dict) else ""
        try:
            decoded[path] = base64.b64decode(str(data), validate=False)
        except binascii.Error as error:
            raise InvalidRequest(f"Invalid runtimeFiles: {path} is not base64 ({error})") from error
    return decoded


def started(run: Run) -> JsonObject:
    """Return the answer to a start: the run's id and name."""
    return {"id": run.id, "runName": run.name}
