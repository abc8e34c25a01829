"""`prefect-northflank` as a stranger meets it: every message says what is wrong and what to do."""

from __future__ import annotations

import asyncio

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_northflank.api.access import Access
from prefect_northflank.errors import ConfigurationError, MissingToken
from prefect_northflank.intervals import Intervals
from prefect_northflank.setup.checks import (
    CheckOptions,
    block_name_is_possible,
    containers_reach_prefect,
    pool_is_ours,
)
from prefect_northflank.setup.cli import main


def wanted(**changes) -> CheckOptions:
    usual = {"access": Access(token="t"), "project": "demo", "plan": "p", "api_url": None}
    return CheckOptions(**usual | changes)


def refused(*arguments, capsys) -> str:
    """Return what the command says to a command line it cannot use."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "init|doctor"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["doctor", "--projct", "x"], "did you mean --project?"),
        (["init", "--chekc"], "did you mean --check?"),
        (["init", "--xyz"], "`init` has no --xyz. Fix: leave it out"),
    ],
)
def test_a_typing_error_is_answered_with_what_was_meant(arguments, said, capsys):
    assert said in refused(*arguments, capsys=capsys)


@pytest.mark.parametrize("command", ["init", "doctor"])
def test_without_any_setting_everything_that_is_missing_is_named_at_once(
    command, capsys, monkeypatch
):
    for variable in ("NORTHFLANK_API_TOKEN", "NF_API_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert main([command]) == 1

    problems = [it for it in capsys.readouterr().out.splitlines() if it.startswith("problem")]
    assert [it.split(":")[0].removeprefix("problem  ") for it in problems] == [
        "the Prefect API answers",
        "the Prefect API has an address containers can use",
        "the token and address of Northflank",
        "the Northflank project",
    ]
    assert all("Fix: " in it for it in problems)


def test_an_address_of_northflank_that_is_none_is_refused_before_it_is_called(capsys, monkeypatch):
    monkeypatch.setenv("NORTHFLANK_API_TOKEN", "nf-secret")
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        main(["doctor", "--project", "demo", "--base-url", "api.northflank.com"])

    said = capsys.readouterr().out
    assert "Northflank address api.northflank.com: it does not begin with http" in said
    assert "nf-secret" not in said


@pytest.mark.parametrize("url", ["foo", "prefect.example.com/api", "ftp://x/api"])
def test_an_address_of_prefect_that_is_none_is_refused(url):
    problem = containers_reach_prefect(wanted(api_url=url)).problem

    assert problem is not None
    assert f"{url} is not an address. Fix: pass --prefect-api-url" in problem


def test_an_address_containers_cannot_reach_is_refused_though_the_token_is_missing():
    check = containers_reach_prefect(wanted(access=MissingToken(), api_url="http://localhost:4200"))

    assert "a Northflank container cannot reach" in str(check.problem)


@pytest.mark.parametrize("name", ["a/b", "50%", "Prefect-pool"])
def test_names_of_pools_that_prefect_refuses_are_refused_before_anything_is_made(name):
    assert "choose another name with --pool" in str(asyncio.run(pool_is_ours(name)).problem)


def test_names_of_blocks_that_prefect_refuses_are_refused_before_anything_is_made():
    assert "choose another name with --block" in str(block_name_is_possible("My Block").problem)
    assert block_name_is_possible("northflank-creds").passed


def test_intervals_that_are_none_are_refused_together():
    given = {
        "PREFECT_NORTHFLANK_POLL_SECONDS": "often",
        "PREFECT_NORTHFLANK_ADOPT_SECONDS": "0",
        "PREFECT_NORTHFLANK_GRACE_SECONDS": "2.5",
    }

    with pytest.raises(ConfigurationError, match=r"POLL_SECONDS=often, .*ADOPT_SECONDS=0: it has"):
        Intervals.of(given)
    assert Intervals.of({"PREFECT_NORTHFLANK_GRACE_SECONDS": "2.5"}).grace_seconds == 2.5
