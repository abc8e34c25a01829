"""What the variables mean, which of two wins, and what is refused or reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_prefect.headless.errors import SettingsRefused
from metaflow_prefect.headless.settings.model import VARIABLES, StorageType
from metaflow_prefect.headless.settings.reading import read_settings
from metaflow_prefect.headless.settings.sources import Sources
from metaflow_prefect.headless.settings.warnings import contradictions

EVERYWHERE = "0.0.0.0"  # noqa: S104  nothing is bound


def test_nothing_set_gives_the_documented_defaults(settings):
    found = settings()

    assert (found.server.host, found.server.port) == ("127.0.0.1", 4200)
    assert found.api_url == found.ui_api_url == "http://127.0.0.1:4200/api"
    assert found.storage.type is StorageType.SQLITE
    postgres = found.storage.postgres
    assert (postgres.user, postgres.host, postgres.port) == ("pguser", "127.0.0.1", 15432)
    assert postgres.database == "prefect"
    workers = found.workers
    assert (workers.pool, workers.type, workers.limit) == ("default-pool", "process", 10)
    assert (workers.query_seconds, workers.count) == (5, 1)
    assert (found.logging_level, found.logging_to_api) == ("INFO", True)
    assert not found.quiet
    assert not found.ephemeral
    assert found.server.migrate
    assert (found.findings, found.server_findings) == ((), ())


def test_directories_lie_in_the_home_unless_named(settings):
    found = settings(PREFECT_FLOWS_DIR="/elsewhere/flows")

    assert found.flows_directory == Path("/elsewhere/flows")
    assert found.storage_directory == Path("/home/of/stack/storage")
    assert found.server.ui_static_directory == Path("/home/of/stack/ui")


@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"PREFECT_HEADLESS_CACHE": "/c", "FLOX_ENV_CACHE": "/f"}, "/c/prefect-data"),
        ({"FLOX_ENV_CACHE": "/f"}, "/f/prefect-data"),
        ({"XDG_STATE_HOME": "/s"}, "/s/prefect-headless"),
    ],
)
def test_the_home_follows_the_cache_directory(environ, home):
    assert read_settings(Sources(environ=environ, dotenv={})).home == Path(home)


def test_the_environment_wins_over_dotenv(settings):
    assert settings({"PREFECT_SERVER_PORT": "1"}, PREFECT_SERVER_PORT="2").server.port == 2


def test_dotenv_wins_over_the_default(settings):
    assert settings({"PREFECT_SERVER_PORT": "4300"}).server.port == 4300


def test_the_environment_wins_over_dotenv_whatever_the_names(settings):
    """A port given for one start must not lose against a file."""
    found = settings({"PREFECT_SERVER_API_PORT": "1"}, PREFECT_SERVER_PORT="2")

    assert found.server.port == 2


def test_an_empty_value_counts_as_not_set(settings):
    assert settings({"PREFECT_SERVER_PORT": "4300"}, PREFECT_SERVER_PORT="").server.port == 4300


@pytest.mark.parametrize(
    "variable", [item for item in VARIABLES if len(item.names) > 1], ids=lambda item: item.name
)
def test_prefects_own_name_wins_within_one_source_and_the_other_is_reported(variable):
    first, *others = variable.names
    values = {"PREFECT_SERVER_PORT": ("1", "2"), "PGPORT": ("1", "2")}
    wins, loses = values.get(variable.name, ("a:a", "b:b"))
    sources = Sources(environ={first: wins, **dict.fromkeys(others, loses)}, dotenv={})

    assert sources.value(variable).text == wins
    reported = contradictions(sources)
    assert len(reported) == len(others)
    assert all(f"{first}=" in sentence for sentence in reported)


def test_two_names_with_the_same_value_are_no_contradiction(settings):
    found = settings(PREFECT_SERVER_PORT="4300", PREFECT_SERVER_API_PORT="4300")

    assert found.findings == ()


def test_a_secret_is_not_shown_in_the_report(settings):
    found = settings(
        PREFECT_DATABASE_URL="postgresql://u:hush1@h/d",
        PREFECT_SERVER_DATABASE_CONNECTION_URL="postgresql://u:hush2@h/d",
    )

    assert found.findings
    assert "hush" not in " ".join(found.findings)


def test_a_name_nobody_knows_is_reported_with_its_neighbour(settings):
    (finding,) = settings(PREFECT_WORKER_POOLNAME="x").findings

    assert "PREFECT_WORKER_POOLNAME" in finding
    assert "did you mean PREFECT_WORKER_POOL_NAME" in finding


def test_a_name_that_only_prefect_knows_is_not_reported(settings):
    assert settings(PREFECT_SERVER_UI_ENABLED="false").findings == ()


def test_every_unreadable_value_is_named_at_once(settings):
    with pytest.raises(SettingsRefused) as refused:
        settings(
            PREFECT_SERVER_PORT="http",
            PREFECT_WORKER_LIMIT="0",
            PREFECT_STORAGE_TYPE="mysql",
            PREFECT_QUIET="perhaps",
            PREFECT_WORKER_POOL_VARIABLES="[]",
        )

    problems = "\n".join(refused.value.problems)
    for name in (
        "PREFECT_SERVER_PORT=http",
        "PREFECT_WORKER_LIMIT=0",
        "PREFECT_STORAGE_TYPE=mysql",
        "PREFECT_QUIET=perhaps",
        "PREFECT_WORKER_POOL_VARIABLES=[]",
    ):
        assert name in problems


def test_a_client_address_is_built_from_host_and_port(settings):
    found = settings(PREFECT_API_HOST="prefect.local", PREFECT_SERVER_PORT="4300")

    assert found.api_url == "http://prefect.local:4300/api"


def test_a_server_on_one_outside_address_is_reached_there(settings):
    found = settings(PREFECT_SERVER_HOST="192.168.1.100")

    assert found.api_url == found.ui_api_url == "http://192.168.1.100:4200/api"


def test_an_ipv6_address_stands_in_brackets(settings):
    assert settings(PREFECT_SERVER_HOST="::").api_url == "http://[::1]:4200/api"


def test_the_browser_is_told_another_address_for_remote_access(settings):
    found = settings(
        PREFECT_SERVER_HOST=EVERYWHERE,
        PREFECT_UI_API_URL="http://192.168.1.100:4200/api",
    )

    assert found.ui_api_url == "http://192.168.1.100:4200/api"
    assert found.api_url == "http://127.0.0.1:4200/api"
    assert (found.findings, found.server_findings) == ((), ())


def test_a_server_others_can_reach_without_a_browser_address_is_reported(settings):
    (finding,) = settings(PREFECT_SERVER_HOST=EVERYWHERE).server_findings

    assert "PREFECT_UI_API_URL" in finding


def test_an_api_url_with_another_local_port_is_reported(settings):
    (finding,) = settings(PREFECT_API_URL="http://127.0.0.1:4999/api").server_findings

    assert "4999" in finding


def test_an_api_key_is_reported_because_it_would_lock_us_out(settings):
    (finding,) = settings(PREFECT_API_KEY="pnu_x").findings

    assert "401" in finding
    assert "pnu_x" not in finding


def test_a_storage_type_that_contradicts_the_url_is_reported(settings):
    (finding,) = settings(
        PREFECT_STORAGE_TYPE="sqlite", PREFECT_DATABASE_URL="postgresql://h/d"
    ).findings

    assert "PREFECT_STORAGE_TYPE=sqlite is ignored" in finding


def test_prefects_database_driver_asks_for_postgres(settings):
    found = settings(
        PREFECT_SERVER_DATABASE_DRIVER="postgresql+asyncpg", PREFECT_SERVER_DATABASE_HOST="db"
    )

    assert found.storage.type is StorageType.POSTGRES
    assert found.storage.postgres.host == "db"


@pytest.mark.parametrize("environ", [{}, {"PREFECT_DATABASE_URL": "sqlite:////tmp/db"}])
def test_several_api_processes_need_postgres(settings, environ):
    with pytest.raises(SettingsRefused, match="needs PostgreSQL"):
        settings(PREFECT_SERVER_WORKERS="2", **environ)


def test_an_api_url_that_is_none_is_refused(settings):
    with pytest.raises(SettingsRefused, match="PREFECT_API_URL=prefect:4200"):
        settings(PREFECT_API_URL="prefect:4200")


def test_pages_of_the_stack_and_no_others_may_call_the_api(settings):
    found = settings(PREFECT_UI_API_URL="https://prefect.company.com/api")

    assert found.browser_origins == (
        "https://prefect.company.com",
        "http://127.0.0.1:4200",
        "http://localhost:4200",
    )


def test_pages_of_a_server_on_one_outside_address_come_from_there(settings):
    found = settings(PREFECT_SERVER_HOST="192.168.1.100")

    assert found.browser_origins == ("http://192.168.1.100:4200",)


def test_an_auth_string_without_a_colon_is_refused(settings):
    with pytest.raises(SettingsRefused, match="user:password"):
        settings(PREFECT_SERVER_API_AUTH_STRING="hush")


def test_a_northflank_pool_beside_the_emulator_uses_the_emulators_project(settings):
    found = settings(PREFECT_HEADLESS_EMULATOR="1", PREFECT_WORKER_POOL_TYPE="northflank")

    assert found.workers.variables == {"project_id": "demo"}
