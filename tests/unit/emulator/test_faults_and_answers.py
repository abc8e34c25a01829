"""What goes wrong on purpose, what is recorded, and the answers that can be chosen."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from northflank_emulator import (
    Choices,
    Fault,
    FaultKind,
    LogPrefix,
    Outcome,
    Pace,
    RetryAfter,
    Role,
    RunOrder,
)

pytestmark = pytest.mark.slow
START = "start.job.run"


@pytest.fixture
def it(stage):
    made = stage(outcomes=[Outcome(lines=("one", "two"))])
    made.job()
    return made


def runs(it) -> int:
    return len(it.emulator.call("GET", f"{it.jobs}/the-job/runs")["runs"])


def start(it) -> httpx.Response:
    return it.client.post(f"{it.jobs}/the-job/runs", json={})


def test_a_status_fault_answers_in_the_error_envelope(it):
    with it.emulator.fault(Fault(kind=FaultKind.STATUS, route=START, status=502)):
        response = start(it)

    assert response.status_code == 502
    assert response.json()["error"]["status"] == 502
    assert runs(it) == 0


def test_a_connection_dropped_before_leaves_nothing_done(it):
    fault = Fault(kind=FaultKind.DROP_BEFORE, route=START)
    with it.emulator.fault(fault), pytest.raises(httpx.TransportError):
        start(it)

    assert runs(it) == 0
    assert not it.emulator.requests[-2].committed


def test_a_connection_dropped_after_leaves_the_work_done(it):
    fault = Fault(kind=FaultKind.DROP_AFTER, route=START)
    with it.emulator.fault(fault), pytest.raises(httpx.TransportError):
        start(it)

    assert runs(it) == 1
    dropped = it.emulator.requests[-2]
    assert (dropped.operation, dropped.status, dropped.committed) == (START, 0, True)


def test_a_truncated_body_ends_in_the_middle(it):
    fault = Fault(kind=FaultKind.TRUNCATE, route=START)
    with it.emulator.fault(fault), pytest.raises(httpx.RemoteProtocolError):
        start(it)

    assert runs(it) == 1


@pytest.mark.parametrize(
    ("kind", "done"), [(FaultKind.ANSWER, 0), (FaultKind.ANSWER_AFTER, 1)], ids=str
)
def test_a_literal_answer_goes_out_as_it_is(it, kind, done):
    headers = {"content-type": "text/html", "retry-after": "86400"}
    fault = Fault(kind=kind, route=START, status=302, body="<html>", headers=headers)
    with it.emulator.fault(fault):
        response = start(it)

    assert (response.status_code, response.text) == (302, "<html>")
    assert headers.items() <= dict(response.headers).items()
    assert runs(it) == done


def test_a_literal_answer_can_be_set_over_http(it):
    fault = {"kind": "answer", "route": START, "status": 200, "body": "{", "headers": {"a": "b"}}
    wrong = fault | {"headers": {"a\r\nb": "c", "d": "e\nf"}}

    refused = it.client.post("/_emulator/faults", json=wrong).json()["error"]["details"]
    assert it.client.post("/_emulator/faults", json=fault).status_code == 200

    assert len(refused) == 2
    assert (start(it).text, it.get("/_emulator/faults").json()["data"]["1"]["headers"]) == (
        "{",
        {"a": "b"},
    )


def test_latency_only_takes_time(it):
    with it.emulator.fault(Fault(kind=FaultKind.LATENCY, route=START, seconds=0.3)):
        response = start(it)

    assert response.status_code == 200
    assert it.emulator.requests[-1].seconds >= 0.3


def test_an_exhausted_rate_limit_is_a_429_that_lasts(stage):
    it = stage(outcomes=[], rate_limit=1000)
    with it.emulator.fault(Fault(kind=FaultKind.RATE_LIMIT, times=1)):
        first = it.get(it.jobs)
    second = it.get(it.jobs)

    for response in (first, second):
        assert response.status_code == 429
        assert response.headers["x-ratelimit-remaining"] == "0"
        assert 0 < int(response.headers["x-ratelimit-reset"]) <= 3600
        assert "retry-after" not in response.headers


def test_faults_can_be_set_over_http(it):
    fault = {"kind": "status", "route": START, "status": 503, "times": 1}

    number = it.client.post("/_emulator/faults", json=fault).json()["data"]["number"]

    assert it.get("/_emulator/faults").json()["data"][str(number)]["kind"] == "status"
    assert start(it).status_code == 503
    assert start(it).status_code == 200
    assert it.get("/_emulator/faults").json()["data"] == {}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"[" * 100_000, 400, "it is not JSON"),
        (b"{", 400, "it is not JSON"),
        (b'"\xff"', 400, "it is not JSON"),
        (b"[]", 400, "must be an object"),
        (b'{"kind": "latency", "seconds": Infinity}', 400, "Infinity is not JSON"),
        (b'{"kind": "latency", "seconds": 1e999}', 400, "seconds must be from 0 to 86400"),
        (b'{"kind": "latency", "seconds": -1}', 400, "seconds must be from 0 to 86400"),
        (b'{"kind": "status", "probability": 2}', 400, "probability must be from 0 to 1"),
        (b" " * (11 * 1024 * 1024), 413, "larger than"),
    ],
)
def test_what_can_be_no_fault_is_refused_over_http(it, body, status, said):
    response = it.client.post("/_emulator/faults", content=body)

    assert response.status_code == status
    assert said in response.json()["error"]["message"]
    assert it.get("/_emulator/faults").json()["data"] == {}


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "x", "%00", "1.0"])
def test_a_fault_that_is_not_set_cannot_be_removed(it, number):
    assert it.client.delete(f"/_emulator/faults/{number}").status_code == 404


def test_the_control_endpoint_takes_tokens_as_the_api_does(it):
    def status(authorization: str) -> int:
        headers = {"authorization": authorization}
        return it.get("/_emulator/requests", headers=headers).status_code

    token = it.emulator.token
    assert [status(it) for it in (f"bearer {token}", f"Basic {token}", "", "Bearer x")] == [
        200, 401, 401, 401,
    ]  # fmt: skip


def test_a_fault_that_means_nothing_is_refused(it):
    response = it.client.post("/_emulator/faults", json={"kind": "earthquake", "strength": 7})

    assert response.status_code == 400
    assert set(response.json()["error"]["details"]) == {"kind", "strength"}


def test_control_needs_a_token(it):
    response = httpx.get(f"{it.emulator.base_url}/_emulator/requests")

    assert response.status_code == 401


def test_requests_are_recorded_without_the_token(it):
    it.emulator.forget_requests()
    it.client.post(f"{it.jobs}/the-job/runs?x=1", json={"runtimeEnvironment": {"A": "b"}})

    (request,) = it.emulator.requests

    assert (request.operation, request.method, request.status) == (START, "POST", 200)
    assert request.body == {"runtimeEnvironment": {"A": "b"}}
    assert request.query == (("x", "1"),)
    assert it.emulator.token not in repr(request)


# Containers


@pytest.mark.parametrize(
    ("kind", "container"),
    [(FaultKind.CRASH, "TASK_FAILED"), (FaultKind.EVICTION, "TASK_FAILED")],
)
def test_a_container_can_be_lost_on_the_way(stage, kind, container):
    it = stage(outcomes=[Outcome(seconds=30)])
    it.job()

    with it.emulator.fault(Fault(kind=kind, job="the-job", seconds=0.1)):
        run = it.start()
        assert it.concluded(run)["status"] == "FAILED"

    assert it.containers(run) == [container]


def test_after_an_eviction_the_next_attempt_can_succeed(stage):
    it = stage(outcomes=[Outcome(seconds=0.3)], pace=Pace(retry=0.05))
    it.job(backoffLimit=1)

    with it.emulator.fault(Fault(kind=FaultKind.EVICTION, times=1)):
        run = it.start()
        assert it.concluded(run)["status"] == "SUCCESS"

    assert it.containers(run) == ["TASK_FAILED", "TASK_FINISHED"]


@pytest.mark.parametrize("kind", [FaultKind.IMAGE_PULL, FaultKind.NEVER_SCHEDULED])
def test_a_container_that_never_starts_leaves_its_run_running(stage, until, kind):
    it = stage(outcomes=[])
    it.job()

    with it.emulator.fault(Fault(kind=kind)):
        run = it.start()
        until(lambda: it.containers(run), lambda seen: seen == ["TASK_STAGING"])
    assert it.run(run)["status"] == "RUNNING"
    it.emulator.call("DELETE", f"{it.jobs}/the-job/runs/{run}")

    assert it.concluded(run)["status"] == "FAILED"


# Choices


def test_runs_can_be_listed_oldest_first(stage):
    it = stage(outcomes=[], choices=Choices(run_order=RunOrder.OLDEST_FIRST))
    it.job()
    started = [it.start() for _ in range(3)]

    listed = it.emulator.call("GET", f"{it.jobs}/the-job/runs")["runs"]

    assert [run["id"] for run in listed] == started


def test_a_429_can_say_when_to_come_back(stage):
    it = stage(outcomes=[], rate_limit=1, choices=Choices(retry_after=RetryAfter.PRESENT))
    it.get(it.jobs)

    refused = it.get(it.jobs)

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == refused.headers["x-ratelimit-reset"]


def test_log_lines_can_begin_with_their_time(stage):
    it = stage(
        outcomes=[Outcome(lines=("one",))], choices=Choices(log_prefix=LogPrefix.TIME_AND_STREAM)
    )
    it.job()
    run = it.start()
    it.concluded(run)

    time, stream, flag, text = it.log(run)[0].split(" ")

    assert time.endswith("Z")
    assert (stream, flag, text) == ("stdout", "F", "one")


# Tokens


def test_a_worker_can_do_what_it_needs_and_nothing_else(stage):
    it = stage(outcomes=[], tokens={"boss": Role.ADMIN, "worker": Role.WORKER})
    it.job()
    worker = {"authorization": "Bearer worker"}

    assert it.client.post(f"{it.jobs}/the-job/runs", json={}, headers=worker).status_code == 200
    refused = it.client.post("/v1/tags", json={"name": "a-tag"}, headers=worker)
    assert refused.status_code == 403
    assert "Account > Platform > Tags > Create" in refused.json()["error"]["message"]
    assert it.get(f"{it.jobs}/the-job/runtime-environment", headers=worker).status_code == 403


def test_a_reader_can_start_nothing(stage):
    it = stage(outcomes=[], tokens={"boss": Role.ADMIN, "reader": Role.READ_ONLY})
    it.job()
    reader = {"authorization": "Bearer reader"}

    assert it.get(it.jobs, headers=reader).status_code == 200
    assert it.client.post(f"{it.jobs}/the-job/runs", json={}, headers=reader).status_code == 403


def test_unknown_teams_are_not_found_where_teams_are_named(stage):
    it = stage(outcomes=[], teams=("ours",))

    assert it.get("/v1/teams/ours/projects/demo/jobs").status_code == 200
    assert it.get("/v1/teams/theirs/projects/demo/jobs").status_code == 404


# Builds and notifications


def vcs_job(it) -> str:
    body = {
        "name": "built",
        "billing": {"deploymentPlan": "nf-compute-20"},
        "deployment": {
            "vcs": {
                "projectUrl": "https://example.com/a",
                "projectType": "github",
                "projectBranch": "main",
            }
        },
        "buildSettings": {"dockerfile": {"dockerFilePath": "/Dockerfile", "dockerWorkDir": "/"}},
    }
    return it.emulator.call("POST", it.jobs, body)["id"]


def test_a_job_from_source_runs_when_its_build_is_finished(stage, until):
    it = stage(outcomes=[], pace=Pace(build=0.2))
    job = vcs_job(it)

    refused = it.client.post(f"{it.jobs}/{job}/runs", json={})
    build = it.emulator.call("POST", f"{it.jobs}/{job}/build", {})
    until(
        lambda: it.emulator.call("GET", f"{it.jobs}/{job}/build/{build['id']}"),
        lambda seen: seen["status"] == "SUCCESS",
    )

    assert refused.status_code == 409
    assert it.concluded(it.start(job), job)["status"] == "SUCCESS"


class Hook(ThreadingHTTPServer):
    """Receives webhooks, and answers with the given statuses, then with 200."""

    def __init__(self, *statuses: int) -> None:
        hook = self
        self.statuses = list(statuses)
        self.received: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                event = self.headers["X-Northflank-Notification-Event-Type"]
                secret = self.headers["X-Northflank-Notification-Integration-Token"]
                hook.received.append((event, secret))
                self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


def integration(url: str) -> dict[str, object]:
    events = {f"trigger:job-run:{event}": True for event in ("start", "success", "abort")}
    return {
        "name": "my hook",
        "type": "RAW_WEBHOOK",
        "webhook": url,
        "secret": "s3cret",
        "events": events,
    }


def test_webhooks_hear_of_runs_and_are_tried_again(stage, until):
    it = stage(outcomes=[], pace=Pace(webhook_retry=0.05))
    hook = Hook(500)
    made = it.emulator.call("POST", "/v1/integrations/notifications", integration(hook.url))
    it.job()

    it.concluded(it.start())

    until(lambda: len(hook.received), lambda number: number == 3)
    hook.shutdown()
    assert hook.received == [
        ("job-run:start", "s3cret"),
        ("job-run:start", "s3cret"),
        ("job-run:success", "s3cret"),
    ]
    assert "secret" not in made


def test_a_webhook_without_an_answer_is_disabled(stage, until):
    it = stage(outcomes=[], pace=Pace(webhook_retry=0.01))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    made = it.emulator.call("POST", "/v1/integrations/notifications", integration(url))
    it.job()
    it.start()

    path = f"/v1/integrations/notifications/{made['id']}"
    status = until(lambda: it.emulator.call("GET", path)["status"], lambda seen: seen["disabled"])

    assert status["numberOfFailedRequests"] == 3


# Inherited secrets, and who sees them


def test_inherited_variables_are_shown_to_those_who_may_read_groups(stage):
    it = stage(outcomes=[])
    it.job()
    it.emulator.call(
        "POST", f"{it.jobs}/the-job/runtime-environment", {"runtimeEnvironment": {"B": "own"}}
    )
    it.emulator.call(
        "POST",
        "/v1/projects/demo/secrets",
        {
            "name": "group",
            "secretType": "environment",
            "priority": 1,
            "secrets": {"variables": {"A": "s3cret", "B": "s3cret"}},
        },
    )

    path = f"{it.jobs}/the-job/runtime-environment"

    assert it.emulator.call("GET", path)["runtimeEnvironment"] == {"B": "own"}
    assert it.emulator.call("GET", f"{path}?show=all")["runtimeEnvironment"] == {
        "A": "s3cret",
        "B": "own",
    }
    assert "s3cret" not in it.get(f"{it.jobs}/the-job").text
    assert "s3cret" not in it.get("/v1/projects/demo/secrets").text


# The page


@pytest.mark.parametrize(
    ("outcome", "backoff", "shown"),
    [
        (Outcome(), 0, "1 (completed)"),
        (Outcome(exit_codes=(3, 0)), 1, "2 (exit code 3, completed)"),
        (Outcome(exit_codes=(3,)), 2, "3 (exit code 3 x3)"),
    ],
)
def test_the_page_counts_attempts_and_says_how_each_ended(stage, outcome, backoff, shown):
    it = stage(outcomes=[outcome], pace=Pace(retry=0.0))
    it.job(backoffLimit=backoff)
    run = it.start()
    it.concluded(run)

    assert f">{shown}</td>" in it.get("/").text
    assert f"<dd>{shown}</dd>" in it.get(f"/runs/demo/the-job/{run}").text


def test_the_page_shows_where_each_image_comes_from_and_what_was_built(stage):
    it = stage(outcomes=[], build_services=("flows",))
    it.job()
    internal = {"internal": {"id": "flows", "branch": "main"}}
    body = {"billing": {"deploymentPlan": "nf-compute-20"}, "deployment": internal}
    it.emulator.call("PUT", it.jobs, {"name": "of-service", **body})
    vcs_job(it)
    it.emulator.call("PUT", it.jobs, {"name": "bare", "billing": body["billing"]})

    overview = it.get("/").text

    for words in (
        "example/image:1",
        "built by flows, branch main",
        "built from https://example.com/a, branch main",
        "no image yet",
        '<span class="badge success">success</span>',
    ):
        assert f">{words}</p>" in overview or words in overview


def test_the_page_says_that_a_run_waits_for_an_image_that_is_not_there(stage, until, tmp_path):
    images = tmp_path / "images.toml"
    images.write_text(f'[[image]]\npattern = "other/*"\nbin = "{tmp_path}"\n')
    it = stage(images=images)
    it.job()
    run = it.start()

    until(lambda: it.get("/").text, lambda page: ">1 (no such image)</td>" in page)

    page = it.get(f"/runs/demo/the-job/{run}").text
    assert "live: reloads every 2 s" in page
    assert "example/image:1" in page


def test_the_page_tells_faults_in_words(stage):
    it = stage(outcomes=[])
    for fault in (
        Fault(kind=FaultKind.STATUS, route=START, status=502, times=3, probability=0.25),
        Fault(kind=FaultKind.CRASH, job="etl-*", seconds=5, skip=1),
    ):
        it.client.post("/_emulator/faults", json=fault.document())

    overview = it.get("/").text

    assert "Fault set: status 502 on start.job.run, 25% of the time, 3 times at most" in overview
    assert "Fault set: crash after 5 s on containers of etl-*, after 1 more" in overview
    assert "it replays scripted outcomes and executes nothing" in overview


NEAR = ("127.0.0.1:8765", "localhost", "localhost:1", "[::1]:80", "emulator.localhost", "10.1.2.3")
FOREIGN = ("evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil", "")


@pytest.mark.parametrize("path", ["/", "/runs/demo/the-job/1"])
def test_a_page_reached_by_a_foreign_name_asks_for_a_token(stage, path):
    """A page can make a browser reach this machine by any name (DNS rebinding)."""
    it = stage(outcomes=[])

    def status(host: str, **more: object) -> int:
        return httpx.get(it.emulator.base_url + path, headers={"host": host}, **more).status_code

    known = httpx.BasicAuth("anyone", it.emulator.token)
    assert {status(host) for host in NEAR} <= {200, 404}
    assert {status(host) for host in FOREIGN} == {401}
    assert status("emulator.example", auth=known) in {200, 404}


def test_the_page_shows_jobs_runs_and_logs_as_text(stage):
    it = stage(outcomes=[Outcome(lines=("<script>alert(1)</script>",))])
    it.job()
    run = it.start()
    it.concluded(run)

    overview = it.get("/").text
    page = it.get(f"/runs/demo/the-job/{run}")

    assert f"/runs/demo/the-job/{run}" in overview
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_a_path_outside_the_api_is_not_found_in_the_envelope(stage):
    response = stage(outcomes=[]).get("/v2/anything")

    assert response.status_code == 404
    assert response.json()["error"]["status"] == 404


# Deleting


def test_the_runs_of_a_deleted_job_do_not_come_back_with_its_name(stage, until):
    it = stage(outcomes=[Outcome(seconds=30, lines=("old",))])
    it.job()
    it.start()

    it.emulator.call("DELETE", f"{it.jobs}/the-job")
    it.job()

    assert it.emulator.call("GET", f"{it.jobs}/the-job/runs") == {"runs": []}
    path = f"{it.jobs}/the-job/logs"
    until(lambda: it.emulator.call("GET", path), lambda lines: not lines)
