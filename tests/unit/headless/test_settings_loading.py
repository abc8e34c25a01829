"""What is refused before anything starts: by us and by Prefect, in one pass, each variable by its name."""

from __future__ import annotations

import pytest

from metaflow_prefect.headless.errors import SettingsRefused
from metaflow_prefect.headless.stack.settings_loading import load_checked_settings


@pytest.fixture
def refused(monkeypatch, tmp_path):
    """The sentences with which an environment is refused."""
    monkeypatch.chdir(tmp_path)

    def ask(*, workers_only=False, **environ):
        for name, text in environ.items():
            monkeypatch.setenv(name, text)
        with pytest.raises(SettingsRefused) as error:
            load_checked_settings(workers_only=workers_only)
        return error.value.problems

    return ask


def test_a_value_that_prefect_and_we_refuse_is_named_once(refused):
    (sentence,) = refused(PREFECT_WORKER_QUERY_SECONDS="x")

    assert sentence == "PREFECT_WORKER_QUERY_SECONDS=x (environment) is not a number"


def test_every_value_that_prefect_refuses_is_named_by_the_name_it_was_given(refused):
    sentences = refused(
        PREFECT_WORKER_WEBSERVER_PORT="nope",
        PREFECT_WORKER_PREFETCH_SECONDS="soon",
        PREFECT_API_DATABASE_CONNECTION_TIMEOUT="long",
        PREFECT_LOGGING_LEVEL="loud",
    )

    assert {sentence.split(":")[0] for sentence in sentences} == {
        "PREFECT_WORKER_WEBSERVER_PORT",
        "PREFECT_WORKER_PREFETCH_SECONDS",
        "PREFECT_API_DATABASE_CONNECTION_TIMEOUT",
        "PREFECT_LOGGING_LEVEL",
    }
    assert all(sentence.endswith("(refused by Prefect)") for sentence in sentences)


def test_what_stands_in_dotenv_is_refused_with_the_rest(refused, tmp_path):
    (tmp_path / ".env").write_text("PREFECT_WORKER_WEBSERVER_PORT=nope\n")

    first, second = refused(PREFECT_SERVER_PORT="http")

    assert first == "PREFECT_SERVER_PORT=http (environment) is not a number"
    assert second.startswith("PREFECT_WORKER_WEBSERVER_PORT: ")


def test_everything_wrong_with_one_command_is_said_at_once(refused):
    """And the database URL is named without what is secret in it."""
    assert refused(
        workers_only=True,
        PREFECT_SERVER_DATABASE_CONNECTION_URL="mysql://u:hush@h/d",
        PREFECT_API_AUTH_STRING="hush",
        PREFECT_UI_API_URL="my-server:4200",
        PREFECT_SERVER_HOST="http://0.0.0.0",
        PREFECT_WORKER_LIMIT="inf",
    ) == (
        "PREFECT_WORKER_LIMIT=inf (environment) is out of range (allowed: at least 1)",
        "PREFECT_API_AUTH_STRING must have the form user:password",
        (
            "PREFECT_SERVER_DATABASE_CONNECTION_URL must begin with postgresql:// or sqlite:///, "
            "not with mysql://: Prefect has no other databases"
        ),
        "PREFECT_UI_API_URL=my-server:4200 must begin with http:// or https://",
        "PREFECT_SERVER_HOST=http://0.0.0.0 is not a host name or address: it has a slash",
        "--no-server needs PREFECT_API_URL, the address of the server to work for",
    )
