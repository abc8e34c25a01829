"""What the server, the workers, a user's shell and a user's command see."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url

from metaflow_prefect.headless.services import process_environment
from metaflow_prefect.headless.services.process_environment import Access
from metaflow_prefect.headless.settings.database_address import from_url, sqlite
from metaflow_prefect.headless.settings.model import OWN_NAMES
from metaflow_prefect.server_settings import RECORDER

EVERYWHERE = "0.0.0.0"  # noqa: S104  nothing is bound
NOBODY = Access(auth_string=None)
SOMEBODY = Access(auth_string="prefect:hush")
POSTGRES = from_url("postgresql://u:hush@db/prefect")

EVERYTHING_OF_THE_SERVER = {
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql://u:hush@db/prefect",
    "PREFECT_API_DATABASE_PASSWORD": "hush",
    "PREFECT_DATABASE_URL": "postgresql://u:hush@db/prefect",
    "PREFECT_SERVER_API_AUTH_STRING": "prefect:hush",
    "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
    "PREFECT_REDIS_MESSAGING_PASSWORD": "hush",
    "PREFECT_API_KEY": "pnu_hush",
    "PGPASSWORD": "hush",
    "PGPASSFILE": "/hush",
}


def test_a_job_sees_nothing_of_the_server(settings):
    found = process_environment.for_worker(
        settings(**EVERYTHING_OF_THE_SERVER), NOBODY, health_port=8080
    )

    assert not set(EVERYTHING_OF_THE_SERVER) & set(found)
    assert "hush" not in " ".join(found.values())


def test_a_worker_sees_its_own_settings_and_what_flow_code_needs(settings):
    found = process_environment.for_worker(
        settings(PREFECT_WORKER_PREFETCH_SECONDS="3", AWS_REGION="eu", SECRET_OF_SHELL="x"),
        SOMEBODY,
        health_port=8080,
    )

    assert found["PREFECT_WORKER_PREFETCH_SECONDS"] == "3"
    assert found["PREFECT_WORKER_QUERY_SECONDS"] == "5"
    assert found["PREFECT_API_AUTH_STRING"] == "prefect:hush"
    assert found["AWS_REGION"] == "eu"
    assert "SECRET_OF_SHELL" not in found


def test_a_worker_sees_further_variables_that_are_named_for_it(settings):
    found = process_environment.for_worker(
        settings(PREFECT_HEADLESS_WORKER_ENV="MY_TOKEN,APP_*", MY_TOKEN="t", APP_A="a", APPLE="x"),
        NOBODY,
        health_port=1,
    )

    assert (found["MY_TOKEN"], found["APP_A"]) == ("t", "a")
    assert "APPLE" not in found


def test_flow_runs_are_patient_with_the_server_unless_told_otherwise(settings):
    name = "PREFECT_CLIENT_MAX_RETRIES"

    assert process_environment.for_worker(settings(), NOBODY, health_port=1)[name] == "7"
    assert process_environment.for_shell(settings(), NOBODY)[name] == "7"
    assert (
        process_environment.for_worker(settings(**{name: "1"}), NOBODY, health_port=1)[name] == "1"
    )
    assert process_environment.for_shell(settings(**{name: "1"}), NOBODY)[name] == "1"


def test_no_pattern_shows_a_worker_the_settings_of_the_server(settings):
    given = settings(PREFECT_HEADLESS_WORKER_ENV="PREFECT_*,*", **EVERYTHING_OF_THE_SERVER)
    found = process_environment.for_worker(given, NOBODY, health_port=1)

    assert {name for name in EVERYTHING_OF_THE_SERVER if name.startswith("PREFECT_")}.isdisjoint(
        found
    )


def test_the_origins_that_may_call_the_api_are_the_users_to_choose(settings):
    name, old_name = (
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS",
    )

    assert process_environment.for_server(settings(), NOBODY, POSTGRES)[old_name].startswith(
        "http://127."
    )
    assert (
        process_environment.for_server(settings(**{old_name: "*"}), NOBODY, POSTGRES)[old_name]
        == "*"
    )
    assert process_environment.for_server(settings(**{name: "*"}), NOBODY, POSTGRES)[name] == "*"


def test_a_workers_health_is_not_served_to_other_machines(settings):
    found = process_environment.for_worker(settings(), NOBODY, health_port=8081)

    assert found["PREFECT_WORKER_WEBSERVER_HOST"] == "127.0.0.1"
    assert found["PREFECT_WORKER_WEBSERVER_PORT"] == "8081"


def test_the_server_gets_prefects_names_and_none_of_ours(settings):
    found = process_environment.for_server(
        settings(
            PREFECT_SERVER_HOST=EVERYWHERE,
            PREFECT_SERVER_PORT="4300",
            PREFECT_UI_API_URL="http://there/api",
            PREFECT_DATABASE_URL="postgresql://u:p@db/prefect",
            PREFECT_SKIP_INIT="1",
        ),
        SOMEBODY,
        POSTGRES,
    )

    assert found["PREFECT_SERVER_API_HOST"] == EVERYWHERE
    assert found["PREFECT_SERVER_API_PORT"] == "4300"
    assert found["PREFECT_SERVER_UI_API_URL"] == "http://there/api"
    assert found["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == POSTGRES.url
    assert found["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] == "false"
    assert found["PREFECT_SERVER_API_AUTH_STRING"] == "prefect:hush"
    assert found["PREFECT_SERVER_UI_STATIC_DIRECTORY"] == "/home/of/stack/ui"
    assert not OWN_NAMES & set(found)


def test_the_server_is_tuned_unless_the_user_tuned_it(settings):
    batch = "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE"
    database = sqlite(settings().home / "prefect.db")

    assert process_environment.for_server(settings(), NOBODY, database)[batch] == "200"
    assert process_environment.for_server(settings(**{batch: "7"}), NOBODY, database)[batch] == "7"


@pytest.mark.parametrize("url", ["sqlite:////data/p.db", "sqlite+aiosqlite:////data/p.db?mode=rwc"])
def test_on_sqlite_the_server_loads_the_plugin_that_lets_transactions_wait(settings, url):
    found = process_environment.for_server(settings(), NOBODY, from_url(url))
    read = make_url(found["PREFECT_SERVER_DATABASE_CONNECTION_URL"])

    assert read.query["plugin"] == "metaflow-prefect-immediate"
    assert read.database == str(from_url(url).sqlite_file) == "/data/p.db"


def test_the_recorder_never_flushes_more_often_than_once_a_second(settings):
    """Prefect cuts the interval to whole seconds, and 0 keeps a core busy for ever."""
    interval = RECORDER["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL"]

    assert int(interval) >= 1


def test_analytics_are_off_unless_asked_for(settings):
    found = process_environment.for_server(settings(), NOBODY, POSTGRES)

    assert found["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert found["DO_NOT_TRACK"] == "1"


def test_an_api_key_reaches_neither_a_service_nor_a_command(settings):
    given = settings(PREFECT_API_KEY="pnu_x", PREFECT_PROFILE="mine")
    environ = {"PREFECT_API_KEY": "pnu_x", "PREFECT_PROFILE": "mine"}

    assert "PREFECT_API_KEY" not in process_environment.for_server(given, NOBODY, POSTGRES)
    assert "PREFECT_API_KEY" not in process_environment.for_command(given, NOBODY, environ)
    assert process_environment.withheld(given, environ) == ("PREFECT_API_KEY", "PREFECT_PROFILE")


def test_an_ephemeral_program_gets_no_server_address(settings):
    given = settings(PREFECT_EPHEMERAL="1")
    found = process_environment.for_command(given, NOBODY, {"PREFECT_API_URL": "http://x/api"})

    assert "PREFECT_API_URL" not in found
    assert found["PREFECT_SERVER_EPHEMERAL_ENABLED"] == "true"


@pytest.mark.parametrize("name", ["PREFECT_FLOWS_DIR", "PREFECT_STORAGE_DIR", "PREFECT_UI_API_URL"])
def test_a_shell_knows_the_names_the_documentation_uses(settings, name):
    assert name in process_environment.for_shell(settings(), NOBODY)


def test_with_the_emulator_a_left_over_northflank_token_is_not_used(settings):
    access = Access(auth_string=None, emulator_url="http://127.0.0.1:1", emulator_token="fake")
    found = process_environment.for_worker(
        settings(NORTHFLANK_API_TOKEN="real"), access, health_port=1
    )

    assert found["NORTHFLANK_API_TOKEN"] == "fake"
    assert found["NORTHFLANK_API_BASE_URL"] == "http://127.0.0.1:1"
