"""The page for people: projects, jobs, runs and their logs, rendered on the server."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from northflank_emulator.api import Api
from northflank_emulator.log_book import LineFilter
from northflank_emulator.models import Ending, Job, LogLine, Run

_Show = Callable[[Request], Awaitable[Response]]
_HERE = Path(__file__).parent
_SHOWN_JOBS = 100
_SHOWN_RUNS = 10
_SHOWN_LINES = 2000
# Nothing but our own style sheet: a job's log is shown as text, whatever is in it.
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'",
    "cache-control": "no-store",
}
_WORDS = {
    Ending.SUCCEEDED: "succeeded",
    Ending.FAILED: "failed",
    Ending.ABORTED: "aborted",
    Ending.DEADLINE: "deadline exceeded",
    Ending.LOST: "lost with an earlier emulator",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as the page shows it; `state` is also the style of its badge."""

    run: Run
    state: str
    word: str
    containers: str
    duration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job with its latest runs, and how many more there are."""

    job: Job
    image: str
    runs: tuple[RunRow, ...]
    more: int


def page_routes(api: Api) -> list[Route]:
    """The overview, one page per run, and the style sheet."""
    page = _Page(api)
    return [
        Route("/", _near_or_known(api, page.overview)),
        Route("/runs/{project}/{job}/{run}", _near_or_known(api, page.run)),
        Route("/page.css", _style),
    ]


def _near_or_known(api: Api, show: _Show) -> _Show:
    """Let this machine look at *show*; others need a token, as the password their browser asks for."""

    async def guarded(request: Request) -> Response:
        near = request.client is not None and ip_address(request.client.host).is_loopback
        if near or _password(request) in api.settings.tokens:
            return await show(request)
        return Response(
            "The password is one of the emulator's API tokens.",
            status_code=401,
            headers={"www-authenticate": 'Basic realm="northflank-emulator"'},
        )

    return guarded


def _password(request: Request) -> str:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        user_and_password = base64.b64decode(encoded).decode()
    except ValueError:
        return ""
    return user_and_password.partition(":")[2] if scheme.lower() == "basic" else ""


class _Page:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._templates = Environment(
            loader=FileSystemLoader(_HERE), undefined=StrictUndefined, autoescape=True
        )

    async def overview(self, request: Request) -> Response:
        """Show every project with its jobs and their latest runs."""
        now = self._api.clock.now()
        projects = [
            (project, [self._job_row(job, now) for job in jobs[: -_SHOWN_JOBS - 1 : -1]], len(jobs))
            for project in self._api.store.projects
            for jobs in [self._api.store.jobs.of(project.id)]
        ]
        return self._render(
            "overview.jinja",
            projects=projects,
            url=str(request.base_url).rstrip("/"),
            faults=self._api.faults.all(),
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

    def _job_row(self, job: Job, now: datetime) -> JobRow:
        runs = self._api.store.runs.of((job.project, job.id))[::-1]
        deployment = job.spec.get("deployment")
        external = deployment.get("external") if isinstance(deployment, dict) else None
        image = external.get("imagePath") if isinstance(external, dict) else None
        return JobRow(
            job=job,
            image=str(image or "no external image"),
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
        containers=", ".join(_container_words(run)),
        duration=f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min",  # noqa: PLR2004 - a minute
    )


def _doing(run: Run) -> str:
    return (
        run.containers[-1].status.value.removeprefix("TASK_").lower() if run.containers else "new"
    )


def _container_words(run: Run) -> list[str]:
    return [
        f"{it.reason or it.status.value.removeprefix('TASK_').lower()}"
        + (f" ({it.exit_code})" if it.exit_code is not None else "")
        for it in run.containers
    ]


def _shown(line: LogLine) -> tuple[str, str, str]:
    return line.at.strftime("%H:%M:%S.%f")[:-3], line.stream.value, line.text
