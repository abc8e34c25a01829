"""Probes of jobs: names, `PUT`, `PATCH`, what is refused, what is shown, and deletion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tests.live.api import Answer, Json
from tests.live.facts import Verdict, judged, not_tried
from tests.live.probe import Probe, Session, choice, inference

_LONGEST_NAME = 52
_LONGEST_PATH = 512
_NEW_YEAR = "0 0 1 1 *"
_ERROR_ID = re.compile(r"[a-z]+(-[a-z]+)*-[0-9a-z]+")
_SLEEP = "python -c 'import time; time.sleep(240)'"
_NO_SUCH_RUN = "d34582a4-35bd-4c71-8e7c-e36999b88723"


def _read(session: Session, job: str) -> Json:
    found: Json = session.api.call("GET", f"/jobs/{job}").data
    return found


def _environment(session: Session, job: str) -> Json:
    params = {"show": "this"}
    data = session.api.call("GET", f"/jobs/{job}/runtime-environment", params=params).data
    return dict(data.get("runtimeEnvironment") or {})


def _id_is_name(session: Session) -> Verdict:
    job = session.scenario.main
    return judged(job == session.names.of("main"), f"the id is `{job}`")


def _longest_name(session: Session) -> Verdict:
    statuses = []
    for length in (_LONGEST_NAME, _LONGEST_NAME + 1):
        subject = "n" * (length - len(session.names.of("")))
        answer = session.api.call("POST", "/jobs", session.scenario.job_body(subject))
        statuses.append(answer.status)
    seen = f"{_LONGEST_NAME} characters: {statuses[0]}; one more: {statuses[1]}"
    return judged(statuses == [200, 400], seen)


def _taken_name(session: Session) -> Verdict:
    assert session.scenario.main
    answer = session.api.call("POST", "/jobs", session.scenario.job_body("main"))
    return judged(answer.status == 409, str(answer))


def _put_twice(session: Session) -> Verdict:
    body = session.scenario.job_body("twice")
    ids = {session.api.call("PUT", "/jobs", body).data["id"] for _ in range(2)}
    listed = [it["id"] for it in session.api.items("/jobs", "jobs") if it["name"] == body["name"]]
    return judged(len(ids) == len(listed) == 1, f"two requests made {len(listed)} job(s)")


def _put(session: Session) -> Verdict:
    body = session.scenario.job_body("put", runtimeEnvironment={"A": "1"}, description="before")
    job = session.api.call("PUT", "/jobs", body).data["id"]
    fewer = session.scenario.job_body("put", runtimeEnvironment={"B": "2"})
    session.api.call("PUT", "/jobs", fewer).data  # noqa: B018  raises what the API refuses
    environment = _environment(session, job)
    description = _read(session, job).get("description") or ""
    return judged(
        environment == {"B": "2"} and not description,
        f"afterwards the environment has {_names(environment)} and the description is {description or 'empty'}",
    )


def _names(environment: Json) -> str:
    return " and ".join(sorted(environment)) or "nothing"


def _type_change(session: Session) -> Verdict:
    body = session.scenario.job_body("type")
    session.api.call("PUT", "/jobs", body).data  # noqa: B018  raises what the API refuses
    cron = {"schedule": _NEW_YEAR, "suspended": True, "concurrencyPolicy": "forbid"}
    body["settings"]["cron"] = cron
    answer = session.api.call("PUT", "/jobs", body)
    return judged(answer.status == 409, str(answer))


def _patched_settings(session: Session) -> Verdict:
    job = session.scenario.create("patched")
    patch: Json = {"settings": {"backoffLimit": 2}}
    session.api.call("PATCH", f"/jobs/{job}", patch).data  # noqa: B018  raises what the API refuses
    settings = _read(session, job)["settings"]
    kept = settings.get("activeDeadlineSeconds")
    seen = f"backoffLimit {settings.get('backoffLimit')}, activeDeadlineSeconds {kept}"
    return judged(settings.get("backoffLimit") == 2 and kept is not None, seen)


def _patched_environment(session: Session) -> Verdict:
    job = session.scenario.create("patchenv", runtimeEnvironment={"A": "1"})
    patch: Json = {"runtimeEnvironment": {"B": "2"}}
    session.api.call("PATCH", f"/jobs/{job}", patch).data  # noqa: B018  raises what the API refuses
    environment = _environment(session, job)
    return judged(environment == {"B": "2"}, f"afterwards it has {_names(environment)}")


def _default_backoff(session: Session) -> Verdict:
    body = session.scenario.job_body("plain")
    del body["settings"]
    job = session.api.call("POST", "/jobs", body).data["id"]
    found = _read(session, job)["settings"].get("backoffLimit")
    return judged(found == 0, f"`backoffLimit` is {found}")


def _hidden_environment(session: Session) -> Verdict:
    shown = _read(session, session.scenario.main)
    return judged("runtimeEnvironment" not in shown, f"it shows {', '.join(sorted(shown))}")


def _error_details(session: Session) -> Verdict:
    body = session.scenario.job_body("wrong")
    body["deployment"]["docker"]["configType"] = "nothing"
    error = session.api.call("POST", "/jobs", body).error
    details: Any = error.get("details")
    is_by_field = (
        isinstance(details, dict)
        and "deployment.docker.configType" in details
        and all(isinstance(problems, list) for problems in details.values())
    )
    is_so = is_by_field and bool(_ERROR_ID.fullmatch(str(error.get("id"))))
    return judged(is_so, f"id `{error.get('id')}`, details `{details}`")


def _statuses(answers: Sequence[Answer]) -> str:
    return "; ".join(f"{it.call}: {it.status}" for it in answers)


def _missing_reference(session: Session) -> Verdict:
    make = session.scenario.job_body
    missing = session.names.of("missing")
    bodies = (
        make("no-service", deployment={"internal": {"id": missing}}),
        make("no-tag", tags=[missing]),
        make("no-plan", billing={"deploymentPlan": missing}),
    )
    answers = [session.api.call("POST", "/jobs", body) for body in bodies]
    return judged({it.status for it in answers} == {400}, _statuses(answers))


def _image_path_length(session: Session) -> Verdict:
    def make(subject: str, length: int) -> Answer:
        body = session.scenario.job_body(subject)
        start, end = f"docker.io/library/{session.names.of('')}", ":1"
        path = start + "n" * (length - len(start) - len(end)) + end
        body["deployment"]["external"]["imagePath"] = path
        return session.api.call("POST", "/jobs", body)

    short, long, longer = (
        make("path", 60),
        make("path-512", _LONGEST_PATH),
        make("path-513", _LONGEST_PATH + 1),
    )
    if not short.is_success:
        return not_tried(f"an image that does not exist is refused: {short}")
    seen = f"{_LONGEST_PATH} characters: {long.status}; one more: {longer.status}"
    return judged(long.is_success and longer.status == 400, seen)


def _plan_underscore(session: Session) -> Verdict:
    listed = [it["id"] for it in session.api.call("GET", "/v1/plans").data["plans"]]
    named = [it for it in listed if "_" in it]
    if not named:
        return not_tried("no plan that Northflank lists has a `_`")
    body = session.scenario.job_body("underscore", billing={"deploymentPlan": named[0]})
    answer = session.api.call("POST", "/jobs", body)
    return judged(answer.is_success, f"a job with the plan `{named[0]}` (never run): {answer}")


def _not_found(session: Session) -> Verdict:
    job, api = session.scenario.main, session.api
    answers = [
        api.call("GET", f"/jobs/{session.names.of('none')}"),
        api.call("GET", f"/jobs/{job}/runs/{_NO_SUCH_RUN}"),
        api.call("DELETE", f"/jobs/{job}/runs/{_NO_SUCH_RUN}"),
        api.call("DELETE", f"/jobs/{session.names.of('none')}"),
        api.call("POST", f"/jobs/{session.names.of('none')}/runs", {}),
    ]
    return judged({it.status for it in answers} == {404}, _statuses(answers))


def _busy_job(session: Session) -> Verdict:
    job = session.scenario.create("busy", _SLEEP)
    session.scenario.start(job)
    deleted = session.api.call("DELETE", f"/jobs/{job}")
    after = session.api.call("GET", f"/jobs/{job}")
    seen = f"{deleted}; then {after}. Whether the container has ended cannot be seen any more"
    return judged(deleted.is_success and after.status == 404, seen)


PROBES: tuple[Probe, ...] = (
    inference(
        "job-id", "the id of a job is its name, if that is a slug", _id_is_name,
        relied_on="the worker starts and deletes jobs by the names that it gives them",
    ),
    inference(
        "job-name-length", f"a job's name has {_LONGEST_NAME} characters at most", _longest_name,
        relied_on="the worker's names are that long",
    ),
    inference(
        "put-twice", "the same `PUT` twice makes one job", _put_twice,
        relied_on="a `PUT` whose answer is lost is sent again",
    ),
    inference(
        "missing-404", "a missing job or run is 404, however it is called", _not_found,
        relied_on="so the worker learns that a job was deleted",
    ),
    inference(
        "environment-hidden", "`get` of a job does not show its environment", _hidden_environment
    ),
    choice("taken-name", _taken_name),
    choice("put", _put),
    choice("type-change", _type_change),
    choice("patched-settings", _patched_settings),
    choice("patched-environment", _patched_environment),
    choice("default-backoff", _default_backoff),
    choice("error-details", _error_details),
    choice("missing-reference", _missing_reference),
    choice("image-path-length", _image_path_length),
    choice("plan-underscore", _plan_underscore),
    choice("busy-job", _busy_job),
)  # fmt: skip
