"""What a run of a deployment is told by a schedule and by events."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from uuid import uuid4

from prefect.client.schemas.objects import FlowRun

from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.in_flow import current_trigger
from metaflow_prefect.runtime.in_flow.flow_command import Part
from metaflow_prefect.runtime.run.deployment_inputs import completed
from metaflow_prefect.runtime.run.launch_options import LaunchOptions

PROGRAM = Program(
    flow="F", source="f.py", sha256="0", metadata="local", datastore="local", location="f.py"
)
DUE = datetime(2026, 3, 29, 1, 30, tzinfo=timezone.utc)
EVENT = {"name": "fresh", "id": "7", "timestamp": 1_774_747_800, "type": "event"}


def flow_run(**facts):
    return FlowRun(flow_id=uuid4(), expected_start_time=DUE, **facts)


def test_a_scheduled_run_is_told_when_it_was_due_and_no_other():
    scheduled, triggered = (
        completed(LaunchOptions(), PROGRAM, (), flow_run(auto_scheduled=is_scheduled), ())
        for is_scheduled in (True, False)
    )

    assert scheduled.variables == {variables.SCHEDULED_TIME: "2026-03-29T01:30:00+00:00"}
    assert triggered.variables == {}
    assert scheduled.parts == ()


def test_a_triggered_run_is_told_the_events():
    options = completed(LaunchOptions(), PROGRAM, (), flow_run(auto_scheduled=False), [EVENT])

    assert options.parts == (Part.TRIGGER,)
    assert json.loads(options.variables[variables.TRIGGERED_BY]) == [EVENT]


def test_a_timestamp_that_metaflow_could_not_sort_is_left_out():
    told = json.loads(current_trigger.variable([{"name": "a", "timestamp": "noon"}, {}]))

    assert [item["timestamp"] for item in told] == [None, None]
