"""Every state that Prefect has is one of the six that Metaflow's deployers know."""

from __future__ import annotations

from datetime import datetime

import pytest
from prefect.client.schemas.objects import StateType

from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.runtime.progress.cost import Rate
from metaflow_prefect.runtime.progress.run_result import RunStatus, status
from metaflow_prefect.runtime.progress.usage import Usage


@pytest.mark.parametrize("kind", list(StateType))
def test_no_type_of_state_is_unknown(kind):
    assert status(kind.value, kind.value.title()) in RunStatus


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("SCHEDULED", "Late", "PENDING"),
        ("PAUSED", "Suspended", "RUNNING"),
        ("FAILED", "TimedOut", "TIMED_OUT"),
        ("CRASHED", "Crashed", "FAILED"),
        ("CANCELLED", "Cancelled", "ABORTED"),
    ],
)
def test_a_state_is_said_in_metaflows_words(kind, name, expected):
    assert status(kind, name).value == expected


def a_run(kind: str, state: str, **more) -> RunRecord:
    facts = {"message": "", "due": None, "is_planned": False, "start": None, "end": None, **more}
    return RunRecord(id="1", name="grey-owl", flow_name="Flow", deployment_id="2",
                     status=status(kind, state), state=state, url=None, **facts)  # fmt: skip


def test_a_line_about_a_run_says_when_it_began_or_is_due():
    moment = datetime(2026, 11, 22, 5, 30).astimezone()
    waiting = a_run("SCHEDULED", "Scheduled", due=moment, message="Flow run scheduled")
    failed = a_run("FAILED", "Failed", due=moment, start=moment, message="why")
    lost = a_run("CRASHED", "Crashed", due=moment, message="why")

    assert waiting.in_words() == "grey-owl: PENDING (Scheduled, due 2026-11-22 05:30:00)"
    assert failed.in_words() == "grey-owl: FAILED (Failed, began 2026-11-22 05:30:00) why"
    assert lost.in_words() == "grey-owl: FAILED (Crashed) why"


def test_a_run_that_began_costs_about_its_rate_times_its_run_time():
    rate = Rate(plan="nf-compute-400-16", dollars_per_hour=0.2)
    moment = datetime(2026, 11, 22, 5, 30).astimezone()
    ran = a_run("COMPLETED", "Completed", start=moment, seconds=720)
    of_own_size = a_run("RUNNING", "Running", start=moment, job_variables={"memory": 9000})

    assert ran.at(rate).summary()["cost"]["dollars"] == 0.04
    assert [run.cost for run in (ran, ran.at(None), of_own_size.at(rate))] == [None] * 3
    assert a_run("SCHEDULED", "Scheduled").at(rate).cost is None


def test_a_run_says_what_it_used_beside_what_it_cost_and_asked_for():
    rate = Rate(plan="nf-compute-400-16", dollars_per_hour=0.2)
    moment = datetime(2026, 11, 22, 5, 30).astimezone()
    usage = Usage(memory_mb=812, memory_limit_mb=16384, cpu_seconds=75)
    ran = a_run("COMPLETED", "Completed", start=moment, seconds=720, usage=usage)

    assert ran.at(rate, "cpu=4, memory=16000").container == (
        "about $0.04 (plan nf-compute-400-16, $0.2 an hour, 12m 00s); "
        "used up to 812 of 16384 MB of memory and 1m 15s of CPU; asked for cpu=4, memory=16000"
    )
    summary = ran.at(None, "memory=16000").summary()
    assert (summary["asked"], summary["cost"]) == ("memory=16000", None)
    assert summary["used"] == {
        "memory_mb": 812,
        "memory_of": "container",
        "memory_limit_mb": 16384,
        "cpu_seconds": 75,
    }
    assert a_run("COMPLETED", "Completed", start=moment).at(None, "memory=16000").container == ""


def test_an_unknown_type_names_itself():
    with pytest.raises(ValueError, match="DREAMING"):
        status("DREAMING", "Dreaming")
