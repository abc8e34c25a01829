"""Deletes what this run, or an earlier one that was killed, has created. It asks the API what there is: also what was
created by a request whose answer was lost has the run's prefix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
from prefect_northflank.api.budget import Purpose

from tests.live.api import Answer, Json, LiveApi, Unexpected
from tests.live.names import is_ours
from tests.live.scenario import until

_GONE = frozenset({200, 404})
_BUSY = 409
_FORBIDDEN = 403
_NOT_THERE = "verify-live-000000-not-there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What was deleted, and what is left and why."""

    deleted: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One kind of thing that is created: where it is listed, and under which key."""

    what: str
    path: str
    key: str


def _kinds(api: LiveApi) -> tuple[_Kind, ...]:
    """Return the kinds in an order in which they can be deleted: jobs name services and tags."""
    return (
        _Kind(what="job", path="/jobs", key="jobs"),
        _Kind(what="build service", path="/services", key="services"),
        _Kind(what="secret group", path="/secrets", key="secrets"),
        _Kind(what="tag", path=f"{api.account}/tags", key="tags"),
        _Kind(what="project", path=f"{api.account}/projects", key="projects"),
    )


def missing_permissions(api: LiveApi) -> Iterator[str]:
    """Yield what the token must be allowed to do for cleaning up, and is not; asks for what does not exist."""
    for kind in _kinds(api):
        if kind.what == "project":
            continue
        listed = api.call("GET", kind.path, params={"per_page": 1})
        deleted = api.call("DELETE", f"{kind.path}/{_NOT_THERE}")
        for verb, answer in (("list", listed), ("delete", deleted)):
            if answer.status == _FORBIDDEN:
                yield f"the token may not {verb} {kind.what}s ({answer}). Fix: give its role the permission."


def remove_all(api: LiveApi, say: Callable[[str], None]) -> Removal:
    """Delete everything that some run of the verification has created and left; it waits for the rate limit."""
    deleted: list[str] = []
    left: list[str] = []
    for kind in _kinds(api):
        try:
            found = list(_ours(api, kind))
        except (Unexpected, KeyError, httpx.HTTPError) as problem:
            # Who may not list tags or projects cannot have created any.
            if kind.what not in {"tag", "project"}:
                left.append(f"perhaps a {kind.what}: {problem}")
            continue
        for key in found:
            problem_ = _delete(api, kind, key)
            if problem_ is None:
                deleted.append(f"{kind.what} {key}")
            else:
                left.append(f"{kind.what} {key}: {problem_}")
                say(f"Could not delete {kind.what} {key}: {problem_}")
    return Removal(deleted=tuple(deleted), left=tuple(left))


def _ours(api: LiveApi, kind: _Kind) -> Iterator[str]:
    for it in api.items(kind.path, kind.key, purpose=Purpose.LIFECYCLE):
        if any(is_ours(str(it.get(field) or "")) for field in ("id", "name", "description")):
            yield str(it["id"])


def _delete(api: LiveApi, kind: _Kind, key: str) -> str | None:
    """Delete one thing; return why it could not be deleted."""
    try:
        answer = _request(api, kind, key)
        if answer.status == _BUSY and kind.what == "job":
            _abort_runs(api, key)
            answer = _request(api, kind, key)
    except (Unexpected, KeyError, httpx.HTTPError) as problem:
        return str(problem)
    return None if answer.status in _GONE else str(answer)


def _request(api: LiveApi, kind: _Kind, key: str) -> Answer:
    return api.call("DELETE", f"{kind.path}/{key}", purpose=Purpose.LIFECYCLE)


def _abort_runs(api: LiveApi, job: str) -> None:
    """Abort the active runs of a job, and wait until they are over."""

    def active() -> list[Json]:
        runs = api.items(f"/jobs/{job}/runs", "runs", purpose=Purpose.LIFECYCLE)
        return [run for run in runs if not run.get("concluded")]

    for run in active():
        api.call("DELETE", f"/jobs/{job}/runs/{run['id']}", purpose=Purpose.LIFECYCLE)
    until(active, lambda left: not left, f"the runs of job {job} are over", seconds=120)
