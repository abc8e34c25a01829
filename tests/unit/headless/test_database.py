"""Which database is chosen, and how its address is written and shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_prefect.headless.database import postgres, provisioning
from metaflow_prefect.headless.settings import database_address
from metaflow_prefect.headless.settings.database_address import DatabaseKind, MachineFacts

BARE = MachineFacts(postgres_answers=False, cluster_exists=False, binaries=None)
INSTALLED = MachineFacts(postgres_answers=False, cluster_exists=False, binaries=Path("/bin"))
LISTENING = MachineFacts(postgres_answers=True, cluster_exists=False, binaries=Path("/bin"))
OURS_RUNS = MachineFacts(postgres_answers=True, cluster_exists=True, binaries=Path("/bin"))
POSTGRES = {"PREFECT_STORAGE_TYPE": "postgres"}


@pytest.mark.parametrize(
    ("environ", "machine", "kind"),
    [
        ({}, LISTENING, DatabaseKind.SQLITE),
        ({"PREFECT_DATABASE_URL": "postgresql://h/d"}, INSTALLED, DatabaseKind.URL),
        (POSTGRES | {"PREFECT_DATABASE_URL": "postgresql://h/d"}, INSTALLED, DatabaseKind.URL),
        (POSTGRES, INSTALLED, DatabaseKind.MANAGED),
        (POSTGRES, LISTENING, DatabaseKind.PG_VARIABLES),
        (POSTGRES, OURS_RUNS, DatabaseKind.MANAGED),
        (POSTGRES, BARE, DatabaseKind.PG_VARIABLES),
        (POSTGRES | {"PGHOST": "db.example.com"}, INSTALLED, DatabaseKind.PG_VARIABLES),
        (POSTGRES | {"PGHOST": "db.example.com"}, OURS_RUNS, DatabaseKind.PG_VARIABLES),
        (POSTGRES | {"PREFECT_HEADLESS_POSTGRES": "managed"}, BARE, DatabaseKind.MANAGED),
        (
            POSTGRES | {"PREFECT_HEADLESS_POSTGRES": "external"},
            INSTALLED,
            DatabaseKind.PG_VARIABLES,
        ),
    ],
)
def test_the_database_follows_the_settings_and_the_machine(settings, environ, machine, kind):
    assert database_address.choose(settings(**environ), machine) is kind


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_spelling_of_a_postgres_url_gets_the_driver_prefect_needs(scheme):
    assert (
        database_address.from_url(f"{scheme}://u:p@h:1/d").url == "postgresql+asyncpg://u:p@h:1/d"
    )


def test_libpqs_ssl_mode_gets_the_name_of_the_driver():
    found = database_address.from_url(
        "postgresql://u:p@h/d?sslmode=require&application_name=sslmode=x"
    )

    assert found.url == "postgresql+asyncpg://u:p@h/d?ssl=require&application_name=sslmode=x"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://u:hush@h/d?channel_binding=require", "channel_binding"),
        ("postgresql://u:hush@h:port/d", "cannot be read"),
    ],
)
def test_a_url_that_the_driver_cannot_use_is_refused_in_clear_words(url, reason):
    probe = postgres.wait_for(database_address.from_url(url), timeout_seconds=0)

    assert probe.result is database_address.ProbeResult.REFUSED
    assert reason in probe.reason
    assert "hush" not in probe.reason + probe.fix


def test_a_password_with_special_characters_is_quoted(settings):
    found = database_address.from_parts(DatabaseKind.PG_VARIABLES, settings(PGUSER="a b"), "p@/w:%")

    assert found.url == "postgresql+asyncpg://a%20b:p%40%2Fw%3A%25@127.0.0.1:15432/prefect"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://u:hush@h:1/d",
        "postgresql+asyncpg://u:hush@h:1/d?password=hush&ssl=require",
        "postgresql+asyncpg://h/d?user=u&password=hush",
        "postgresql+asyncpg://h/d?sslpassword=hush&Password=hush",
    ],
)
def test_a_label_never_shows_the_password(url):
    assert "hush" not in database_address.from_url(url).label


def test_switching_the_database_says_that_nothing_is_copied():
    before, now = "postgresql+asyncpg://u:***@h/d", database_address.sqlite(Path("/x/prefect.db"))

    assert "not copied" in (database_address.switch_warning(before, now) or "")
    assert database_address.switch_warning(now.label, now) is None
    assert database_address.switch_warning(None, now) is None


@pytest.mark.parametrize(
    ("lines", "password"),
    [
        ("other:1:*:*:no\n*:*:*:*:yes\n", "yes"),
        ("127.0.0.1:15432:prefect:pguser:with\\:colon\n", "with:colon"),
        ("127.0.0.1:9:*:*:no\n", None),
        ("# comment\n", None),
    ],
)
def test_a_pass_file_is_read_as_libpq_reads_it(settings, tmp_path, lines, password):
    path = tmp_path / "pgpass"
    path.write_text(lines)

    assert provisioning.password_in(path, settings().storage.postgres) == password
