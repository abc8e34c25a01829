"""The schedules of a deployment: of the flow, and those that are added when it is deployed."""

from __future__ import annotations

import pytest

from metaflow_prefect.deploy.plan.schedules import parse, schedules, without_a_value
from metaflow_prefect.errors import DeploymentRefused
from metaflow_prefect.ir import Parameter, ParameterType, Schedule

NIGHTLY = Schedule(cron="0 3 * * *")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 3 * * *", NIGHTLY),
        ("0 3 ? * 2-6 *", Schedule(cron="0 3 * * 1-5")),
        ("CRON_TZ=Europe/Berlin 0 3 * * *", Schedule(cron="0 3 * * *", timezone="Europe/Berlin")),
    ],
)
def test_a_schedule_is_a_cron_line_with_or_without_its_time_zone(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["daily", "", "CRON_TZ=UTC", "30 0 3 * * ? *", "0 3 * * * 2027"])
def test_what_is_no_cron_line_is_refused_by_name(text):
    with pytest.raises(DeploymentRefused, match="--schedule"):
        parse(text)


def test_the_same_schedule_twice_starts_no_run_twice():
    utc = Schedule(cron="0 3 * * *", timezone="UTC")
    other = Schedule(cron="0 3 * * *", timezone="Asia/Tokyo")

    assert schedules(NIGHTLY, (utc, other, other)) == (utc, other)


def test_a_parameter_without_a_value_stands_against_a_schedule_only():
    required = Parameter(name="alpha", type=ParameterType.FLOAT, required=True)
    optional = Parameter(name="beta", type=ParameterType.FLOAT, default=1.0)

    (finding,) = without_a_value((NIGHTLY,), (required, optional))
    assert finding.where == "parameter alpha"
    assert without_a_value((), (required,)) == ()
    assert without_a_value((NIGHTLY,), (optional,)) == ()
