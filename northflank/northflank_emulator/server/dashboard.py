"""The dashboard: pages with projects, jobs, runs and their logs, rendered on the server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from northflank_emulator.api import Api
from northflank_emulator.faults import Fault, FaultKind
from northflank_emulator.server.authentication import is_local_request, password
from northflank_emulator.state.job_spec import part
from northflank_emulator.state.log_store import LineFilter
from northflank_emulator.state.models import (
    Build,
    Builder,
    BuilderKind,
    BuildService,
    Container,
    Ending,
    Job,
    LogLine,
    Project,
    Run,
)

_Show = Callable[[Request], Awaitable[Response]]
_HERE = Path(__file__).parent
_SHOWN_JOBS = 100
_SHOWN_RUNS = 10
_SHOWN_LINES = 2000
_SHOWN_BUILDS = 3
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'",
    "cache-control": "no-store",
}
"""Allow the emulator's style sheet and nothing else, so that a job's log can only be text."""
_WORDS = {
    Ending.SUCCEEDED: "succeeded",
    Ending.FAILED: "failed",
    Ending.ABORTED: "aborted",
    Ending.DEADLINE: "deadline exceeded",
    Ending.LOST: "lost with an earlier emulator",
}
_REASONS = {
    "Completed": "completed",
    "OOMKilled": "out of memory",
    "NeverStarted": "never started",
    "EmulatorStopped": "ended with the emulator",
    "infrastructure:job:container-crash": "crashed by a fault",
    "infrastructure:job:container-eviction": "evicted by a fault",
}
"""How an attempt ended, by the reason that `execution` records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run on the dashboard; `state` is also the CSS class of its badge."""

    run: Run
    state: str
    word: str
    attempts: str
    duration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job with its latest runs, and the number of older ones."""

    job: Job
    image: str
    runs: tuple[RunRow, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """A build service with its latest builds."""

    service: BuildService
    builds: tuple[Build, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRow:
    """A project with its newest jobs, the number of all its jobs, and its build services."""

    project: Project
    jobs: tuple[JobRow, ...]
    number_of_jobs: int
    services: tuple[ServiceRow, ...]


def dashboard_routes(api: Api) -> list[Route]:
    """Return the routes of the overview, of the page of each run, and of the style sheet."""
    page = _Dashboard(api)
    return [
        Route("/", _near_or_known(api, page.overview)),
        Route("/runs/{project}/{job}/{run}", _near_or_known(api, page.run)),
        Route("/page.css", _style),
    ]


def _near_or_known(api: Api, show: _Show) -> _Show:
    """Show *show* to this machine; others need a token, as the password that their browser asks for."""

    async def guarded(request: Request) -> Response:
        if is_local_request(request) or password(request) in api.settings.tokens:
            return await show(request)
        return Response(
            "The password is one of the emulator's API tokens. "
            "(On the emulator's own machine, http://localhost and addresses need no password.)",
            status_code=401,
            headers={"www-authenticate": 'Basic realm="northflank-emulator"'},
        )

    return guarded


class _Dashboard:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._templates = Environment(
            loader=FileSystemLoader(_HERE), undefined=StrictUndefined, autoescape=True
        )

    async def overview(self, request: Request) -> Response:
        """Show every project with its jobs and their latest runs."""
        now = self._api.clock.now()
        projects = [self._project_row(project, now) for project in self._api.store.projects]
        return self._render(
            "overview.jinja",
            projects=projects,
            url=str(request.base_url).rstrip("/"),
            faults=[_fault_words(fault) for fault in self._api.faults.all().values()],
            scripted=self._api.scripted,
            live=not self._api.supervisor.idle(),
        )

    async def run(self, request: Request) -> Response:
        """Show one run: its attempts and its log."""
        key = tuple(request.path_params[name] for name in ("project", "job", "run"))
        found = self._api.store.runs.get(key)
        if found is None:
            raise HTTPException(404)
        lines = self._api.store.logs.last(
            found.project, found.job, LineFilter(run=found.id), _SHOWN_LINES
        )
        return self._render(
            "run.jinja",
            row=_run_row(found, self._api.clock.now()),
            lines=[_shown(line) for line in lines],
            live=found.conclusion is None,
        )

    def _project_row(self, project: Project, now: datetime) -> ProjectRow:
        store = self._api.store
        jobs = store.jobs.of(project.id)
        return ProjectRow(
            project=project,
            jobs=tuple(self._job_row(job, now) for job in jobs[: -_SHOWN_JOBS - 1 : -1]),
            number_of_jobs=len(jobs),
            services=tuple(
                ServiceRow(service=service, builds=tuple(builds[: -_SHOWN_BUILDS - 1 : -1]))
                for service in store.services.of(project.id)
                for builds in [
                    store.builds.of(
                        Builder(project=project.id, kind=BuilderKind.SERVICE, id=service.id)
                    )
                ]
            ),
        )

    def _job_row(self, job: Job, now: datetime) -> JobRow:
        runs = self._api.store.runs.of((job.project, job.id))[::-1]
        return JobRow(
            job=job,
            image=_image_words(job),
            runs=tuple(_run_row(run, now) for run in runs[:_SHOWN_RUNS]),
            more=max(0, len(runs) - _SHOWN_RUNS),
        )

    def _render(self, name: str, **values: object) -> Response:
        return HTMLResponse(self._templates.get_template(name).render(values), headers=_HEADERS)


async def _style(_: Request) -> Response:
    return Response((_HERE / "page.css").read_bytes(), media_type="text/css")


def _run_row(run: Run, now: datetime) -> RunRow:
    over = run.conclusion
    seconds = ((over.at if over else now) - run.started_at).total_seconds()
    return RunRow(
        run=run,
        state=over.ending.value if over else "running",
        word=_WORDS[over.ending] if over else _doing(run),
        attempts=_attempts(run),
        duration=f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min",  # noqa: PLR2004  a minute
    )


def _doing(run: Run) -> str:
    return (
        run.containers[-1].status.value.removeprefix("TASK_").lower() if run.containers else "new"
    )


def _attempts(run: Run) -> str:
    """Return the number of attempts, and the state of each or how it ended."""
    counted = Counter(_attempt_words(it) for it in run.containers)
    words = ", ".join(
        f"{words} x{count}" if count > 1 else words for words, count in counted.items()
    )
    return f"{counted.total()} ({words})" if words else "0"


def _attempt_words(attempt: Container) -> str:
    if attempt.reason == "Error":
        return f"exit code {attempt.exit_code}"
    known = _REASONS.get(attempt.reason)
    return known or attempt.reason or attempt.status.value.removeprefix("TASK_").lower()


def _image_words(job: Job) -> str:
    """Return where the image of *job* comes from, in words."""
    deployment = part(job.spec, "deployment")
    external, internal, vcs = (part(deployment, it) for it in ("external", "internal", "vcs"))
    if external:
        return str(external["imagePath"])
    if vcs:
        return f"built from {vcs['projectUrl']}, branch {vcs['projectBranch']}"
    if internal:
        asked = {"branch": "branch", "buildSHA": "commit", "buildId": "build"}
        which = [f", {words} {internal[name]}" for name, words in asked.items() if name in internal]
        return f"built by {internal.get('id', job.id)}{''.join(which)}"
    return "no image yet"


def _fault_words(fault: Fault) -> str:
    """Return what a fault does, where, and how often, in words."""
    what = {
        FaultKind.STATUS: f"status {fault.status}",
        FaultKind.LATENCY: f"latency {fault.seconds:g} s",
        FaultKind.CRASH: f"crash after {fault.seconds:g} s",
        FaultKind.EVICTION: f"eviction after {fault.seconds:g} s",
    }.get(fault.kind, fault.kind.value)
    where = f"containers of {fault.job}" if fault.kind.strikes_containers else fault.route
    often = [
        f"after {fault.skip} more" if fault.skip else "",
        f"{fault.probability:.0%} of the time" if fault.probability < 1 else "",
        f"{fault.times} times at most" if fault.times is not None else "",
    ]
    return ", ".join([f"{what} on {where}", *filter(None, often)])


def _shown(line: LogLine) -> tuple[str, str, str]:
    return line.at.strftime("%H:%M:%S.%f")[:-3], line.stream.value, line.text
