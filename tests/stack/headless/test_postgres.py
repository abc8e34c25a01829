"""PostgreSQL: managed, by URL, by PG* variables; wrong, missing, and gone in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from metaflow_prefect.headless.database import cluster
from metaflow_prefect.headless.files.layout import Layout, prepare, write_private
from metaflow_prefect.headless.settings.reading import read_settings
from metaflow_prefect.headless.settings.sources import Sources
from tests.support import prefect_tables

pytestmark = pytest.mark.slow

# With everything in this process: 100 flow runs of a worker would take minutes of CPU.
HUNDRED_RUNS = """
import asyncio, sys
from prefect import flow

@flow
async def trivial(number: int) -> int:
    return number

async def main():
    limit = asyncio.Semaphore(5)
    async def one(number):
        async with limit:
            await trivial(number)
            print(number, flush=True)
    await asyncio.gather(*(one(number) for number in range(100)))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def by_url(new_stack, postgres_server):
    """A stack whose database is named by a URL and did not exist."""
    stack = new_stack(PREFECT_DATABASE_URL=postgres_server.url("new-one"))
    stack.up("--no-worker")
    yield stack
    stack.down()


def test_postgres_alone_starts_a_cluster_as_a_third_service(managed):
    found = managed.status()

    assert found["verdict"] == "healthy"
    assert [service["name"] for service in found["services"]] == ["postgres", "server"]
    assert found["database"]["kind"] == "managed"
    assert found["database"]["address"].endswith("/prefect")
    assert "********" in found["database"]["address"]


def test_the_cluster_does_not_run_as_root(managed):
    assert Path(f"/proc/{managed.pid('postgres')}").stat().st_uid != 0


def test_psql_connects_with_the_variables_of_the_stack(managed):
    done = managed.sh("psql -w -tAc 'select count(*) from flow_run'")

    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr
    assert managed.sh("pg_isready -h $PGHOSTADDR -p $PGPORT").returncode == 0


def test_the_generated_password_is_in_one_private_file_only(managed):
    password = (managed.home / "headless" / "pgpass").read_text().strip().rpartition(":")[2]
    arguments = [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in managed.processes()]
    shown = [
        managed.command(*arguments_).stdout
        for arguments_ in (("status", "--json"), ("info", "--json"), ("logs",), ("env",))
    ]
    files = [
        path.name
        for path in managed.home.rglob("*")
        if path.is_file() and password in path.read_text(errors="replace")
    ]

    assert len(password) > 20
    assert password not in "".join(arguments + shown)
    assert files == ["pgpass"]


def test_a_killed_cluster_comes_back_and_the_server_with_it(managed, eventually_):
    before = managed.pid("postgres")
    os.kill(before, signal.SIGKILL)

    eventually_(lambda: managed.pid("postgres") not in {before, None}, what="restarted")
    managed.until_healthy()


def test_what_was_recorded_survives_down_and_up(managed):
    managed.api("POST", "/variables/", {"name": "kept", "value": "yes"})
    assert managed.down().returncode == 0
    assert managed.processes() == []

    managed.up("--no-worker")

    assert managed.api("GET", "/variables/name/kept")["value"] == "yes"


def test_a_missing_database_is_created_in_the_server_the_url_names(by_url):
    found = by_url.status()

    assert found["verdict"] == "healthy"
    assert found["database"]["kind"] == "url"
    assert "new-one" in found["database"]["address"]
    assert "pg%40ss" not in by_url.every_log()
    assert "new-one" in by_url.command("db", "check").stdout


def test_no_run_is_lost_when_the_database_goes_away_under_load(
    by_url, postgres_server, eventually_
):
    client = subprocess.Popen(
        ["python", "-c", HUNDRED_RUNS],
        env={
            **os.environ,
            **json.loads(by_url.command("env", "--json").stdout),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(20):
        client.stdout.readline()
    postgres_server.stop()
    try:
        eventually_(lambda: by_url.command("status").stdout.count("BAD"), what="unhealthy")
    finally:
        postgres_server.start()
    _, errors = client.communicate(timeout=240)

    assert client.returncode == 0, errors[-3000:]
    states = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    assert by_url.api("POST", "/flow_runs/count", states) == 100
    assert by_url.api("POST", "/flow_runs/count", {}) == 100
    by_url.until_healthy()


def test_a_wrong_password_is_refused_at_once_and_never_falls_back(new_stack, postgres_server):
    for environ in (
        {"PREFECT_DATABASE_URL": postgres_server.url("prefect", "wrong")},
        {
            "PREFECT_STORAGE_TYPE": "postgres",
            "PGUSER": "admin",
            "PGPASSWORD": "wrong",
            "PGPORT": str(postgres_server.port),
        },
    ):
        stack = new_stack(**environ)
        done = stack.command("up", "-d")

        assert done.returncode == 1
        assert "refuses the password of 'admin'" in done.stderr
        assert "wrong" not in done.stderr
        assert stack.processes() == []


@pytest.mark.parametrize(
    "environ",
    [
        {"PREFECT_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d"},
        {"PREFECT_STORAGE_TYPE": "postgres", "PGPORT": "1", "PREFECT_STORAGE_STRICT": "1"},
    ],
    ids=["url", "strict"],
)
def test_a_server_that_does_not_answer_is_an_error_where_falling_back_is_forbidden(
    new_stack, environ
):
    done = new_stack(
        **environ, PREFECT_POSTGRES_WAIT="1", PREFECT_HEADLESS_POSTGRES="external"
    ).command("up", "-d")

    assert done.returncode == 1
    assert "does not answer" in done.stderr


def test_pg_variables_fall_back_to_sqlite_with_a_warning(by_url, tables):
    """In the home of a stack that had its PostgreSQL until now: nothing of that is copied."""
    by_url.down()
    prefect_tables.place(tables, by_url.home)
    done = by_url.up(
        "--no-worker",
        PREFECT_DATABASE_URL="",
        PREFECT_STORAGE_TYPE="postgres",
        PREFECT_HEADLESS_POSTGRES="external",
        PGPORT="1",
        PREFECT_POSTGRES_WAIT="1",
        PREFECT_QUIET="1",
    )

    assert "WARNING: FALLING BACK TO SQLITE" in done.stderr
    assert "new-one" in done.stderr
    assert "not copied" in done.stderr
    assert "pg%40ss" not in done.stderr
    assert done.stdout == ""
    assert by_url.status()["database"]["kind"] == "sqlite"
    for command in (("status",), ("info",)):
        assert "FALLING BACK TO SQLITE" in by_url.command(*command).stdout


def test_several_api_processes_share_the_work_through_redis(
    new_stack, postgres_server, redis_server, eventually_
):
    pytest.importorskip("prefect_redis", reason="prefect-redis needs Python 3.11")
    stack = new_stack(
        PREFECT_DATABASE_URL=postgres_server.url("several"),
        PREFECT_SERVER_WORKERS="2",
        PREFECT_REDIS_MESSAGING_PORT=str(redis_server.port),
    )
    refused = stack.command("up", "-d", PREFECT_REDIS_MESSAGING_PORT="1")
    assert refused.returncode == 1
    assert "Redis, which PREFECT_SERVER_WORKERS above 1 needs, cannot be used" in refused.stderr

    stack.up("--no-worker")
    done = stack.sh("python $PREFECT_FLOWS_DIR/data_pipeline.py")
    completed = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}

    assert done.returncode == 0, done.stderr
    assert {item["name"] for item in stack.status()["services"]} == {"server", "background"}
    # Task runs come as events, by way of Redis; one process writes them down, another may answer.
    eventually_(lambda: stack.api("POST", "/task_runs/count", completed) == 7, what="recorded")
    # The processes do not all make the tables and block types at once, but these are there.
    assert stack.api("POST", "/block_types/filter", {}) != []
    assert "startup failed" not in (stack.home / "logs" / "server.log").read_text()
    stack.down()


def test_a_cluster_whose_creation_was_interrupted_is_created_anew(managed, tmp_path_factory):
    """`initdb` leaves a folder that looks like a cluster and is none."""
    home = Layout(home=tmp_path_factory.mktemp("interrupted"))
    prepare(home)
    folder = Path(managed.environ["PREFECT_HEADLESS_POSTGRES_DIR"] + "-2")
    sources = Sources(environ={"PREFECT_HEADLESS_POSTGRES_DIR": str(folder)}, dotenv={})
    folder.mkdir()
    (folder / "PG_VERSION").write_text("15\n")
    write_private(home.unfinished_cluster, str(folder))

    binaries = cluster.find_binaries(os.environ["PATH"])
    cluster.ensure(home, read_settings(sources).storage.postgres, binaries, "secret")

    assert (folder / "global" / "pg_control").exists()
    assert not home.unfinished_cluster.exists()
