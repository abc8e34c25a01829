"""`northflank list`, `kill` and `logs` refuse everything that is wrong at once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from metaflow_northflank.cli.administration import Administration
from metaflow_northflank.cli.container_logs import show_logs
from metaflow_northflank.cli.place import place
from metaflow_northflank.errors import NorthflankFailed

WRONG = {
    "METAFLOW_NORTHFLANK_MAX_CONTAINERS": "many",
    "METAFLOW_NORTHFLANK_ORPHANS": "keep",
    "NORTHFLANK_API_BASE_URL": "localhost",
}
NOT_SET = ("NORTHFLANK_API_TOKEN", "NF_API_TOKEN", "METAFLOW_NORTHFLANK_PROJECT")
SETTINGS = (
    "METAFLOW_NORTHFLANK_MAX_CONTAINERS is 'many'",
    "METAFLOW_NORTHFLANK_ORPHANS is 'keep'",
    "NORTHFLANK_API_TOKEN is not set",
    "Northflank address localhost",
    "no Northflank project is set",
)


@pytest.fixture
def everything_wrong(monkeypatch):
    for name in NOT_SET:
        monkeypatch.delenv(name, raising=False)
    for name, value in WRONG.items():
        monkeypatch.setenv(name, value)


def begins_of(error):
    return [line.removeprefix("- ") for line in str(error.value.message).splitlines()]


def check(error, *wanted):
    said = begins_of(error)[1:]
    assert len(said) == len(wanted)
    for line, begin in zip(said, wanted, strict=True):
        assert line.startswith(begin)
        assert "Fix: " in line


@pytest.mark.usefixtures("everything_wrong")
def test_all_that_is_wrong_with_the_settings_is_refused_at_once():
    with pytest.raises(NorthflankFailed) as error:
        place()

    check(error, *SETTINGS)


@pytest.mark.usefixtures("everything_wrong")
def test_a_wrong_task_is_refused_together_with_the_settings():
    flow = SimpleNamespace(flow=SimpleNamespace(name="TrainFlow"))
    with pytest.raises(NorthflankFailed) as error:
        show_logs(flow, "17/train", 10)

    check(error, "17/train names no task of TrainFlow.", *SETTINGS)


@pytest.mark.usefixtures("everything_wrong")
def test_contradicting_options_are_refused_together_with_the_settings():
    with pytest.raises(NorthflankFailed) as error:
        Administration.of(SimpleNamespace(), None, "ann", all_users=True)

    check(error, "--user and --all-users contradict each other.", *SETTINGS)


def test_a_single_problem_is_refused_without_a_list(monkeypatch):
    monkeypatch.setenv("NORTHFLANK_API_TOKEN", "token")
    monkeypatch.delenv("METAFLOW_NORTHFLANK_PROJECT", raising=False)
    with pytest.raises(NorthflankFailed) as error:
        place()

    assert error.value.message.startswith("no Northflank project is set. Fix: ")
