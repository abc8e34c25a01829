"""What is said of services that start, fail or have lost their supervisor; nothing listens anywhere."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from metaflow_prefect.headless import report
from metaflow_prefect.headless.files.stack_record import StackRecord
from metaflow_prefect.headless.services.ports import free_port
from metaflow_prefect.headless.services.supervisor_client import ProcessState, State
from metaflow_prefect.headless.stack.health import check_health, without_supervisor


@pytest.fixture
def record():
    root = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    return StackRecord(
        version="1",
        supervisor_pid=1,
        started_at="",
        services=("server", "worker"),
        api_url=f"{root}/api",
        local_url=f"{root}/api",
        ui_url=root,
        ui_api_url=f"{root}/api",
        storage="sqlite",
        storage_kind="sqlite",
        pool="default-pool",
        pool_type="process",
        authenticated=False,
        health_urls={"server": f"{root}/api/ready"},
        emulator_url=None,
        findings=(),
    )


def process(name, state=State.RUNNING, *, age=5, note=""):
    since = int(time.time()) - age
    return ProcessState(name=name, state=state, pid=7, since=since, note=note)


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING])
def test_a_young_service_that_does_not_answer_yet_is_starting_and_no_problem(record, state):
    health = check_health(record, (process("server", state), process("worker")), None)

    assert (health.verdict.value, health.verdict.exit_code) == ("starting", 1)
    assert health.problems == ()
    shown = report.status_text(record, health)
    assert "BAD" not in shown
    assert re.search(r"server    \.\.\.  starting for \d+ s pid 7\n", shown)
    assert re.search(r"worker    ok   running for \d+ s pid 7", shown)


@pytest.fixture
def without_database():
    """A young server that listens, answers /health and cannot use its database."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/api/health" else 503)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


def test_a_young_server_that_lost_its_database_is_a_problem(record, without_database):
    lost = replace(
        record, local_url=without_database, health_urls={"server": f"{without_database}/ready"}
    )
    health = check_health(lost, (process("server"), process("worker")), None)

    assert health.verdict.value == "unhealthy"
    assert health.problems[:2] == (
        "server runs but is not healthy",
        "the server cannot use its database, sqlite",
    )
    assert "BAD" in report.status_text(lost, health)


def test_a_service_that_does_not_answer_for_minutes_is_a_problem(record):
    health = check_health(record, (process("server", age=600), process("worker")), None)

    assert health.verdict.value == "unhealthy"
    assert health.problems == (
        "server runs but is not healthy",
        f"no server answers at {record.local_url}",
    )


def test_a_start_does_not_hide_that_another_service_ended(record):
    broken = process("worker", State.BACKOFF, note="Exited too quickly")
    health = check_health(record, (process("server"), broken), None)

    assert health.verdict.value == "unhealthy"
    assert health.problems == ("worker is backoff: Exited too quickly",)


def test_the_health_of_one_service_is_about_that_one_only(record):
    stopped = process("worker", State.STOPPED, note="Not started")
    health = check_health(record, (process("server"), stopped), None)

    server, worker = health.of("server"), health.of("worker")
    assert re.fullmatch(r"server    \.\.\.  starting for \d+ s pid 7", report.service_text(server))
    assert (server.verdict.value, server.verdict.exit_code) == ("starting", 1)
    assert "PROBLEM   worker is stopped: Not started" in report.service_text(worker)
    shown = json.loads(report.status_json(record, worker))
    assert [service["name"] for service in shown["services"]] == ["worker"]
    assert (shown["verdict"], shown["problems"]) == (
        "unhealthy",
        ["worker is stopped: Not started"],
    )


def test_what_goes_on_without_its_supervisor_is_said_with_what_to_do(record):
    health = without_supervisor(record, (11, 12), being_started=False)

    assert health.verdict.exit_code == 1
    assert report.status_text(record, health) == (
        "stack     without its supervisor\n"
        "PROBLEM   the supervisor is gone, but 2 processes still run (11, 12): `prefect-headless up -d` "
        "ends what is left and starts the stack again, `prefect-headless down` only ends it"
    )


def test_a_stack_whose_up_has_just_begun_is_starting(record):
    assert without_supervisor(None, (11,), being_started=True).verdict.value == "starting"
    assert without_supervisor(record, (), being_started=False).verdict.value == "not running"


def test_what_down_ends_without_a_supervisor_is_not_called_processes_of_flow_runs():
    assert report.ended(1, had_supervisor=True) == "ended 1 process of flow runs"
    assert report.ended(3, had_supervisor=False) == (
        "ended 3 processes of the stack, which had lost its supervisor"
    )
