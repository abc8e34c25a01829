"""What a job's environment holds, and what it must not."""

from __future__ import annotations

import pytest
from prefect_northflank.api.addresses import is_loopback
from prefect_northflank.errors import (
    ConfigurationError,
    LoopbackApiUrl,
    SeveralRefused,
    TemplatedValue,
)
from prefect_northflank.job.environment import job_environment, shippable

NORTHFLANK = "https://api.northflank.com"


@pytest.mark.parametrize(
    "setting",
    [
        "PREFECT_HOME",
        "PREFECT_PROFILES_PATH",
        "PREFECT_SERVER_API_AUTH_STRING",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL",
        "PREFECT_API_DATABASE_CONNECTION_URL",
        "PREFECT_API_DATABASE_PASSWORD",
        "PREFECT_SERVER_DATABASE_PASSWORD",
        "PREFECT_LOCAL_STORAGE_PATH",
        "PREFECT_LOGGING_CONFIG_PATH",
        "PREFECT_API_SSL_CERT_FILE",
        "PREFECT_WORKER_QUERY_SECONDS",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY",
        "PREFECT_UI_API_URL",
    ],
)
def test_settings_of_the_host_and_of_the_server_stay_home(setting):
    assert shippable({setting: "x"}) == {}


@pytest.mark.parametrize(
    "setting",
    [
        "PREFECT_API_URL",
        "PREFECT_LOGGING_LEVEL",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT",
        "PREFECT_API_KEY",
    ],
)
def test_other_prefect_settings_are_shipped(setting):
    assert shippable({setting: "x"}) == {setting: "x"}


def test_what_opens_the_prefect_api_is_secret():
    env = job_environment(
        {
            "PREFECT_API_KEY": "pnu_1",
            "PREFECT_API_AUTH_STRING": "u:p",
            "PREFECT_CLIENT_CUSTOM_HEADERS": "{}",
            "A": "b",
        },
        base_url=NORTHFLANK,
        expand_templates=False,
    )

    assert env.plain == {"A": "b"}
    assert set(env.secret) == {
        "PREFECT_API_KEY",
        "PREFECT_API_AUTH_STRING",
        "PREFECT_CLIENT_CUSTOM_HEADERS",
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4200/api",
        "http://localhost:4200/api",
        "http://[::1]:4200/api",
        "http://0.0.0.0:4200/api",
    ],
)
def test_a_prefect_api_on_this_machine_is_refused_for_a_northflank_elsewhere(url):
    with pytest.raises(LoopbackApiUrl, match="prefect_api_url"):
        job_environment({"PREFECT_API_URL": url}, base_url=NORTHFLANK, expand_templates=False)


def test_a_prefect_api_on_this_machine_is_fine_for_an_emulator_beside_it():
    url = "http://127.0.0.1:4200/api"

    env = job_environment(
        {"PREFECT_API_URL": url}, base_url="http://localhost:8765", expand_templates=False
    )

    assert env.plain["PREFECT_API_URL"] == url


def test_a_value_northflank_would_expand_is_refused_by_name_and_not_by_value():
    with pytest.raises(TemplatedValue, match="GREETING") as refused:
        job_environment(
            {"GREETING": "${SECRET} hello"}, base_url=NORTHFLANK, expand_templates=False
        )

    assert "hello" not in str(refused.value)


def test_expansion_can_be_asked_for():
    env = job_environment({"HOSTS": "${NF_HOSTS}"}, base_url=NORTHFLANK, expand_templates=True)

    assert env.plain == {"HOSTS": "${NF_HOSTS}"}


def test_a_flow_with_a_template_in_its_name_still_runs():
    env = job_environment(
        {"PREFECT__FLOW_NAME": "a ${b}", "A": "1"}, base_url=NORTHFLANK, expand_templates=False
    )

    assert env.plain == {"A": "1"}


def test_all_that_is_wrong_with_an_environment_is_said_at_once():
    env = {"PREFECT_API_URL": "http://localhost/api", "A B": "1", "HOSTS": "${x}", "C D": "${y}"}

    with pytest.raises(SeveralRefused) as refused:
        job_environment(env, base_url=NORTHFLANK, expand_templates=False)

    assert [type(it) for it in refused.value.refused] == [
        LoopbackApiUrl,
        ConfigurationError,
        TemplatedValue,
        ConfigurationError,
    ]


def test_a_variable_northflank_refuses_is_named():
    with pytest.raises(ConfigurationError, match="'A B'"):
        job_environment({"A B": "1"}, base_url=NORTHFLANK, expand_templates=False)


@pytest.mark.parametrize(
    "url", ["", "not a url", "https://prefect.example.com/api", "http://10.0.0.3:4200/api"]
)
def test_other_addresses_are_not_loopback(url):
    assert not is_loopback(url)
