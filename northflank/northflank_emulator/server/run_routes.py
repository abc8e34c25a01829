"""The routes of job runs, their containers and their logs."""

from __future__ import annotations

from dataclasses import dataclass

from northflank_emulator.domain import runs
from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.server import log_query, responses
from northflank_emulator.server.routing import Call, Route, data, nothing, one_of, operation, paged
from northflank_emulator.state.job_spec import part
from northflank_emulator.state.models import Container
from northflank_emulator.state.permissions import Permission

_JOB = "/v1/projects/{project}/jobs/{job}"


def _names(call: Call) -> tuple[str, str]:
    return call.params["project"], call.params["job"]


def _start_run(call: Call) -> JsonObject:
    return data(runs.started(call.api.runs.start(*_names(call), call.body)))


def _list_runs(call: Call) -> JsonObject:
    choices = call.api.settings.choices
    page = call.page(call.api.runs.all(*_names(call)))
    return paged("runs", page, lambda run: responses.run(run, choices))


def _get_run(call: Call) -> JsonObject:
    run = call.api.runs.get(*_names(call), call.params["run"])
    return data(responses.run(run, call.api.settings.choices))


def _abort_run(call: Call) -> JsonObject:
    call.api.runs.abort(*_names(call), call.params["run"])
    return nothing()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """A container with its number in the list, for pagination."""

    number: int
    container: Container


def _containers(call: Call) -> JsonObject:
    """List the containers of one run, or of all the job's runs."""
    wanted = call.one("runId")
    found = (
        [call.api.runs.get(*_names(call), wanted)] if wanted else call.api.runs.all(*_names(call))
    )
    containers = [it for run in found for it in run.containers]
    page = call.page([_Listed(number=at, container=it) for at, it in enumerate(containers)])
    answer = paged("containers", page, lambda it: responses.container(it.container))
    return {**answer, "data": {**part(answer, "data"), "runId": wanted or ""}}


def _logs(call: Call) -> JsonObject:
    """Find a range of log lines; here types other than runtime have none."""
    job = call.api.domain.job(*_names(call))
    one_of(call, "queryType", ("range",), "range")
    query = log_query.of_range(call, call.api.clock.now())
    if not query.runtime:
        return data([])
    logs, choices = call.api.store.logs, call.api.settings.choices
    find = logs.first if query.forward else logs.last
    lines = find(job.project, job.id, query.wanted, query.limit)
    shown = lines if query.forward else lines[::-1]
    return data([responses.log_line(line, choices) for line in shown])


ROUTES: tuple[Route, ...] = (
    operation("start.job.run", "POST", f"{_JOB}/runs", Permission.JOB_RUN, _start_run),
    operation("get.job.runs", "GET", f"{_JOB}/runs", Permission.JOB_READ, _list_runs),
    operation("get.job.run", "GET", f"{_JOB}/runs/{{run}}", Permission.JOB_READ, _get_run),
    operation("abort.job.run", "DELETE", f"{_JOB}/runs/{{run}}", Permission.JOB_UPDATE, _abort_run),
    operation(
        "get.job.containers", "GET", f"{_JOB}/containers", Permission.JOB_OBSERVE, _containers
    ),
    operation("get.job.logs", "GET", f"{_JOB}/logs", Permission.JOB_LOGS, _logs),
)
