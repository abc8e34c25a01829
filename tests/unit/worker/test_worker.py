"""The worker's own answers, without a server."""

from __future__ import annotations

import asyncio
import json
import logging
from importlib.metadata import PathDistribution
from uuid import UUID, uuid4

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound
from prefect.settings import (
    PREFECT_API_KEY,
    PREFECT_LOGGING_TO_API_ENABLED,
    PREFECT_WORKER_QUERY_SECONDS,
    temporary_settings,
)
from prefect.workers.base import BaseWorker
from prefect_northflank import (
    Northflank,
    NorthflankCredentials,
    NorthflankJobConfiguration,
    NorthflankWorker,
    northflank,
)
from prefect_northflank.accounts import Accounts
from prefect_northflank.api.access import Access
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import InvalidToken, MissingToken
from prefect_northflank.setup.checks import (
    CheckOptions,
    no_vendors_package,
    our_worker_is_found,
    permissions,
    tag_is_available,
)
from prefect_northflank.vendor_package import VENDORS_DISTRIBUTION

FLOW_RUN = UUID("07db3792-88ef-4719-9ee0-0da0dedca33b")
PID = "-:demo:j:r1"


def worker_on(wire) -> NorthflankWorker:
    worker = NorthflankWorker(work_pool_name="nf")
    worker.accounts = Accounts(
        intervals=worker.intervals,
        logger=logging.getLogger("test"),
        transport=httpx.MockTransport(wire),
    )
    return worker


def configuration(**changes) -> NorthflankJobConfiguration:
    made = NorthflankJobConfiguration(credentials={"api_token": "t"}, project_id="demo", **changes)
    made.prepare_for_flow_run(FlowRun(id=FLOW_RUN, flow_id=UUID(int=2), name="amber-bat"))
    return made


@pytest.mark.parametrize(("given", "expected"), [({}, 2), ({PREFECT_WORKER_QUERY_SECONDS: 7}, 7)])
def test_the_worker_asks_for_flow_runs_every_two_seconds_unless_told_otherwise(
    monkeypatch, given, expected
):
    monkeypatch.delenv("PREFECT_WORKER_QUERY_SECONDS", raising=False)
    asked_every = []

    async def start(_self, **_):
        asked_every.append(PREFECT_WORKER_QUERY_SECONDS.value())

    monkeypatch.setattr(BaseWorker, "start", start)
    with temporary_settings(given):
        asyncio.run(NorthflankWorker(work_pool_name="nf").start(run_once=True))

    assert asked_every == [expected]


def kill(wire, pid=PID, **changes):
    asyncio.run(worker_on(wire).kill_infrastructure(pid, configuration(**changes)))


def test_prefects_own_request_to_kill_aborts_the_job_run(wire):
    kill(wire)

    assert wire.calls == ["DELETE /v1/projects/demo/jobs/j/runs/r1"]


def test_what_is_gone_cannot_be_killed(wire):
    wire.answers = [httpx.Response(404, json={"error": {"message": "Not found"}})]

    with pytest.raises(InfrastructureNotFound):
        kill(wire)


def test_what_another_worker_started_is_not_ours_to_kill(wire):
    with pytest.raises(InfrastructureNotAvailable, match="host:1234"):
        kill(wire, pid="host:1234")

    assert wire.calls == []


def test_a_refused_token_is_no_missing_infrastructure(wire):
    wire.answers = [httpx.Response(401, json={"error": {"message": "no"}})]

    with pytest.raises(InfrastructureNotAvailable, match="valid API token"):
        kill(wire)


def test_killing_an_intended_start_aborts_whatever_was_started(wire):
    runs = [{"id": "r1", "status": "FAILED"}, {"id": "r2", "status": "RUNNING"}]
    wire.answers = [httpx.Response(200, json={"data": {"runs": runs}})]
    job = f"x-{FLOW_RUN.hex}-c0de"

    kill(wire, pid=f"-:demo:{job}:")

    assert wire.calls[1:] == [f"DELETE /v1/projects/demo/jobs/{job}/runs/r2"]


def test_killing_an_intended_start_of_a_lasting_job_touches_no_other_flow_run(wire):
    with pytest.raises(InfrastructureNotFound):
        kill(wire, pid="-:demo:lasting-0123abcd:")

    assert wire.calls == []


def test_the_vendors_package_beside_ours_is_one_clear_error(tmp_path, monkeypatch):
    installed = tmp_path / "prefect_northflank-1.0.1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: prefect-northflank\nVersion: 1.0.1\n"
    )
    assert PathDistribution(installed).version == "1.0.1"
    assert no_vendors_package().passed
    monkeypatch.syspath_prepend(str(tmp_path))

    problem = no_vendors_package().problem

    assert problem is not None
    assert "pip uninstall prefect-northflank" in problem
    assert VENDORS_DISTRIBUTION in problem


def test_each_permission_is_asked_for_by_a_request_that_changes_nothing(client, wire):
    def answer(request):
        refused = request.method == "PUT"
        wrong = request.content in (b"{}", b"") and request.method in {"PUT", "POST"}
        status = 403 if refused else 400 if wrong else 404
        return httpx.Response(status, json={"error": {"message": "no"}})

    wire.answer = answer

    async def ask():
        return [check async for check in permissions(client, Project(id="demo"))]

    with temporary_settings({PREFECT_API_KEY: "pnu_1"}):
        found = asyncio.run(ask())

    assert [it.what for it in found if not it.passed] == [
        "the token may create jobs",
        "the token may keep secret groups",
    ]
    assert all("Run Job" in str(it.problem) for it in found if not it.passed)
    assert all(json.loads(it.content or b"{}") == {} for it in wire.sent)


def tag_check(client, wire, *, create: int, read: int = 404, pool: str | None = "nf"):
    """Return what is said of the tag where Northflank answers so to creating and reading one."""

    def answer(request):
        assert json.loads(request.content or b"{}") == {}, "nothing is made"
        status = create if request.method == "POST" else read
        return httpx.Response(status, json={"data": {}, "error": {"message": "no"}})

    wire.answer = answer
    wanted = CheckOptions(
        access=Access(token="t"), project="demo", plan="p", api_url="https://p/api", pool=pool
    )
    return asyncio.run(tag_is_available(client, Project(id="demo"), wanted))


def test_a_tag_that_can_be_made_or_is_there_is_no_problem(client, wire):
    assert tag_check(client, wire, create=400).passed
    assert tag_check(client, wire, create=403, read=200).passed


@pytest.mark.parametrize(("read", "words"), [(404, "does not exist"), (403, "neither create nor")])
def test_a_tag_that_can_neither_be_made_nor_found_is_a_problem(client, wire, read, words):
    problem = tag_check(client, wire, create=403, read=read).problem

    assert words in problem
    assert "Account > Platform > Tags: Create" in problem


def test_without_a_pool_the_doctor_says_how_a_tag_that_is_there_is_found(client, wire):
    problem = tag_check(client, wire, create=403, pool=None).problem

    assert "Account > Platform > Tags: Create" in problem
    assert "pass --pool" in problem


def test_a_flow_run_that_another_worker_has_begun_is_not_reported_as_a_failure():
    """Prefect's `submit` takes an error of `_initiate_run` for a crash."""
    running = State(type=StateType.RUNNING, id=uuid4()).model_dump(mode="json")

    def prefect(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("csrf-token"):
            return httpx.Response(404)
        return httpx.Response(200, json=[running] if "states" in request.url.path else {})

    called = []

    def northflank(request: httpx.Request) -> httpx.Response:
        called.append(str(request.url))
        return httpx.Response(404)

    async def scenario():
        settings = {"transport": httpx.MockTransport(prefect)}
        async with PrefectClient("http://prefect.test/api", httpx_settings=settings) as client:
            worker = worker_on(northflank)
            worker._client = client  # noqa: SLF001  what `setup` would open
            flow_run = FlowRun(id=FLOW_RUN, flow_id=UUID(int=2), name="amber-bat")
            await worker._initiate_run(flow_run, configuration())  # noqa: SLF001  Prefect's hook, called by `submit`

    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: False}):
        asyncio.run(scenario())

    assert called == []


def test_the_decorator_binds_a_flow_to_a_pool_and_its_job_variables():
    @northflank("nf", billing_deployment_plan="nf-compute-200")
    @flow
    def train(rate: float) -> float:
        return rate

    assert (train.work_pool, train.worker_cls) == ("nf", NorthflankWorker)
    assert train.job_variables == {"billing_deployment_plan": "nf-compute-200"}
    assert (train.include_files, train.launcher) == (None, None)
    assert train.fn(0.5) == 0.5


def test_the_decorator_takes_what_prefects_own_take_besides_job_variables():
    @northflank("nf", ["*.csv"], {"execution": ["python3"]}, include_files_base_dir="data")
    @flow
    def train() -> None: ...

    assert (train.include_files, train.include_files_base_dir) == (["*.csv"], "data")
    assert train.launcher == {"execution": ["python3"]}
    assert train.job_variables == {}


def test_prefect_finds_this_worker_under_its_type():
    assert our_worker_is_found().passed
    assert BaseWorker.get_worker_class_from_type("northflank") is NorthflankWorker


def test_blocks_have_the_documented_slugs():
    assert Northflank.get_block_type_slug() == "northflank"
    assert NorthflankCredentials.get_block_type_slug() == "northflank-credentials"


@pytest.mark.parametrize("variable", ["NORTHFLANK_API_TOKEN", "NF_API_TOKEN"])
def test_the_token_is_read_from_the_environment_when_the_block_has_none(variable):
    access = Northflank().access({variable: "t", "NORTHFLANK_API_BASE_URL": "http://x"})

    assert (access.token, access.base_url) == ("t", "http://x")


def test_no_token_anywhere_is_an_error_with_the_remedy():
    with pytest.raises(MissingToken, match="northflank-creds"):
        Northflank().access({})


def test_a_token_of_blanks_is_none():
    with pytest.raises(MissingToken):
        Northflank(api_token=" \n").access({})


@pytest.mark.parametrize("token", ["nf-\nsecret", "nf-\x00secret", "nf-sécret"])
def test_a_token_that_cannot_be_sent_is_refused_without_being_shown(token):
    """The HTTP client names the whole header in its error, which would go to the flow run's log."""
    with pytest.raises(InvalidToken) as refused:
        Northflank(api_token=token).access({})

    assert "copy it again" in str(refused.value)
    assert "cret" not in str(refused.value)


def test_the_token_is_in_no_text_of_the_block():
    block = Northflank(api_token="nf-secret")

    assert "nf-secret" not in repr(block) + str(block) + block.model_dump_json()


def test_a_value_of_the_users_own_gets_its_own_secret_group():
    plain, own = configuration(), configuration(env={"PREFECT_API_KEY": "pnu_mine"})

    assert plain.secret_identity({}) != own.secret_identity({"PREFECT_API_KEY": "pnu_mine"})
