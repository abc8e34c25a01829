"""Trouble that passes, of Northflank and of Prefect: no flow run crashes, no worker ends, and what it is is said once."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
from northflank_emulator import Emulator
from northflank_emulator.faults import Fault, FaultKind
from northflank_emulator.settings import Settings
from northflank_emulator.state.permissions import Role
from prefect_northflank import NorthflankWorker

from tests.stack.worker.proxy import Answer, Deed, Proxy, Rule
from tests.stack.worker.soak import light_images

pytestmark = pytest.mark.slow

JSON = (("content-type", "application/json"),)
PAGE = "<html><body>Please log in</body></html>"
SENSELESS = (
    Fault(kind=FaultKind.ANSWER, status=302, headers={"location": "/login"}, body=PAGE),
    Fault(kind=FaultKind.ANSWER, status=200, body=PAGE),
    Fault(kind=FaultKind.STATUS, status=502),
    Fault(kind=FaultKind.STATUS, status=401),
    Fault(kind=FaultKind.STATUS, status=409),
    Fault(kind=FaultKind.ANSWER, status=200, body='{"data": {}}'),
    Fault(kind=FaultKind.ANSWER_AFTER, status=200, body='{"data": {}}'),
    Fault(kind=FaultKind.ANSWER_AFTER, status=200, body="{}", headers={"content-encoding": "gzip"}),
    Fault(kind=FaultKind.ANSWER, status=429, body="{}", headers={"retry-after": "86400"}),
)


@pytest.fixture
def tokens():
    """The tokens of the emulator, which can be changed while it runs."""
    return {"old": Role.ADMIN}


@pytest.fixture
def light(prefect, conftest, tmp_path, tokens):
    """An emulator whose containers are light ones, and a pool on it: what is tested is the worker."""
    settings = Settings(rate_limit=None, tokens=tokens, images=light_images(tmp_path))
    with Emulator(settings) as emulator:
        northflank = conftest.Northflank(base_url=emulator.base_url, token=emulator.token)
        yield emulator, conftest.new_pool(prefect, northflank, tmp_path)


def markers_of(pool, deployment, folder, number):
    """Trigger flow runs; return them, each with the file in which it leaves a trace."""
    made = [folder / f"marker-{index}" for index in range(number)]
    return {pool.prefect.trigger(deployment, marker=str(it), seconds=0): it for it in made}


def test_minutes_of_senseless_answers_of_northflank_crash_no_flow_run(
    light, prefect, conftest, tmp_path
):
    """Each of them strikes a job and a start, one after the other: everything was executed once all the same."""
    emulator, pool = light
    deployment = pool.deploy("hello")
    with pool.worker(), ExitStack() as faults:
        for route in ("put.job", "start.job.run"):
            for before, fault in enumerate(SENSELESS):
                struck = replace(fault, route=route, times=1, skip=before)
                faults.enter_context(emulator.fault(struck))
        flow_runs = markers_of(pool, deployment, tmp_path, 4)
        for flow_run, marker in flow_runs.items():
            assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED", prefect.logs(flow_run)
            assert marker.read_text() == "x"
        logs = "\n".join(map(prefect.logs, flow_runs))
        assert "The worker tries again for up to 600 s." in logs
        assert "Traceback" not in logs
        conftest.wait_until(lambda: not pool.northflank.jobs(), "no job is left")


def test_a_token_replaced_in_its_block_is_used_by_flow_runs_that_wait_for_it(
    light, prefect, conftest, tokens, tmp_path
):
    emulator, pool = light
    block = prefect.post("/block_types/filter", {"block_types": {"name": {"like_": "Northflank"}}})
    type_ = next(it for it in block if it["slug"] == "northflank")
    schema = prefect.post(
        "/block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [type_["id"]]}}}
    )[0]
    data = {"base_url": emulator.base_url, "api_token": "old"}
    made = prefect.post(
        "/block_documents/",
        {
            "name": f"creds-{pool.name}",
            "data": data,
            "block_type_id": type_["id"],
            "block_schema_id": schema["id"],
        },
    )
    template = NorthflankWorker.get_default_base_job_template()
    reference = {"$ref": {"block_document_id": made["id"]}}
    template["variables"]["properties"]["credentials"]["default"] = reference
    prefect.post(f"/work_pools/{pool.name}", {"base_job_template": template}, method="PATCH")
    deployment = pool.deploy("hello")
    with pool.worker():
        (first,) = markers_of(pool, deployment, tmp_path, 1)
        assert prefect.wait_for(first)["state_type"] == "COMPLETED", prefect.logs(first)
        tokens["new"] = tokens.pop("old")
        (second,) = markers_of(pool, deployment, tmp_path, 1)
        conftest.wait_until(lambda: "answered 401" in prefect.logs(second), "it waits")
        change = {"data": data | {"api_token": "new"}, "merge_existing_data": True}
        prefect.post(f"/block_documents/{made['id']}", change, method="PATCH")
        assert prefect.wait_for(second)["state_type"] == "COMPLETED", prefect.logs(second)


def test_whatever_prefect_answers_the_worker_stays_and_goes_on(light, prefect, conftest, tmp_path):
    _, pool = light
    deployment = pool.deploy("hello")
    hurried = {
        "PREFECT_CLIENT_MAX_RETRIES": "0",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "2",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_ENABLE_CHANNEL": "false",
    }
    troubles = {
        "401 ": Answer(status=401, body=b"{}", headers=JSON),
        "302 ": Answer(status=302, headers=(("location", "/login"),)),
        "502 ": Answer(
            status=200, body=PAGE.encode()
        ),  # a page is not Prefect's answer: harden_client
        "404 ": Answer(status=404, body=PAGE.encode()),
        "a malformed response (ValidationError": Answer(status=200, body=b'{"a": 1}'),
        "500 ": Answer(status=500, body=b'[{"id": "07db', headers=JSON),
    }
    with Proxy(prefect.url) as proxy, pool.worker(PREFECT_API_URL=proxy.url, **hurried) as worker:
        conftest.wait_until(lambda: "started!" in worker.output, "the worker is up")

        def ours(request):
            return "/work_pools/" in request.path

        for answer in troubles.values():
            with proxy.rule(Rule(deed=Deed.ANSWER, answer=answer, matches=ours)) as rule:
                conftest.wait_until(lambda it=rule: len(it.struck) >= 4, "it has met the trouble")
            conftest.wait_until(
                lambda: worker.output.rstrip().count("Could ask Prefect for flow runs again") > 0,
                "it has said that it passed",
            )
            assert worker.process.poll() is None, worker.output
        # And while flow runs are submitted: any request of theirs.
        rules = [
            Rule(deed=Deed.ANSWER, answer=it, probability=0.05, matches=of_the_worker)
            for it in troubles.values()
        ]
        with ExitStack() as stack:
            for rule in rules:
                stack.enter_context(proxy.rule(rule))
            flow_runs = markers_of(pool, deployment, tmp_path, 4)
            time.sleep(15)
        for flow_run, marker in flow_runs.items():
            assert prefect.wait_for(flow_run)["state_type"] == "COMPLETED", prefect.logs(flow_run)
            assert marker.read_text() == "x"
        assert worker.process.poll() is None, worker.output
        for words in ("401 ", "502 "):
            assert words in worker.output
        assert worker.stop(signal.SIGTERM) < 20


def of_the_worker(request):
    """Whether the worker sends it, not the containers (which are not ours to disturb)."""
    return "prefect/" in request.headers.get("user-agent", "")
