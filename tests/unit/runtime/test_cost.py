"""About what a run cost, from the price that its deployment keeps and the time that it ran."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.progress.cost import Cost, Rate

RATE = Rate(plan="nf-compute-400-16", dollars_per_hour=0.2)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "about $0 (plan nf-compute-400-16, $0.2 an hour, 0.0s)"),
        (3, "less than $0.001 (plan nf-compute-400-16, $0.2 an hour, 3.0s)"),
        (75, "about $0.0042 (plan nf-compute-400-16, $0.2 an hour, 1m 15s)"),
        (720, "about $0.04 (plan nf-compute-400-16, $0.2 an hour, 12m 00s)"),
        (360_000, "about $20.00 (plan nf-compute-400-16, $0.2 an hour, 100h 00m)"),
    ],
)
def test_a_cost_is_said_with_what_it_is_computed_from(seconds, expected):
    assert str(Cost(rate=RATE, seconds=seconds)) == expected


def test_a_cost_is_data_for_scripts():
    assert Cost(rate=RATE, seconds=720).summary() == {
        "dollars": 0.04,
        "plan": "nf-compute-400-16",
        "dollars_per_hour": 0.2,
        "seconds": 720,
    }


@given(st.floats(0, 1000), st.floats(0, 1e7))
def test_a_cost_is_the_price_of_an_hour_times_the_hours(price, seconds):
    cost = Cost(rate=Rate(plan="p", dollars_per_hour=price), seconds=seconds)

    assert cost.dollars == pytest.approx(price * (seconds / 3600))


@given(st.floats(0.0001, 1000))
def test_a_rate_survives_the_deployments_environment(price):
    rate = Rate(plan="nf-compute-50", dollars_per_hour=price)

    found = Rate.of(rate.environment())

    assert found is not None
    assert (found.plan, found.dollars_per_hour) == ("nf-compute-50", pytest.approx(price))


@pytest.mark.parametrize("price", [None, "", "free", "nan", "inf", "-1"])
def test_a_price_that_is_no_number_is_not_known(price):
    environment = {variables.CONTAINER_PLAN: "p"}
    if price is not None:
        environment[variables.CONTAINER_PRICE] = price

    assert Rate.of(environment) is None
    assert Rate.of({variables.CONTAINER_PRICE: "1"}) is None


@pytest.mark.parametrize(
    ("own", "expected"),
    [(None, RATE), ({"env": {"A": "b"}}, RATE), ({"memory": 4000}, None), ({"gpu": 1}, None)],
)
def test_a_run_with_a_size_of_its_own_has_no_known_price(own, expected):
    assert RATE.of_run(own) == expected
