"""What Prefect's server makes of the templates in a deployment's automation."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timezone
from uuid import uuid4

import pytest
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.utilities.user_templates import render_user_template

from metaflow_prefect import ir
from metaflow_prefect.deploy.automations import run_parameters
from metaflow_prefect.deploy.options import DeployOptions
from metaflow_prefect.deploy.plan import plan
from tests.unit.deploy.test_jobs import flow, site

MOMENT = datetime(2026, 11, 21, tzinfo=timezone.utc)


def event(name, **payload):
    resource = {"prefect.resource.id": "x"}
    return ReceivedEvent(
        id=uuid4(), occurred=MOMENT, event=name, resource=resource, payload=payload
    )


def parameters_of_a_run(triggers, events, parameters=()):
    planned = plan(
        flow("s3", parameters=parameters, triggers=triggers), "", DeployOptions(), site("docker")
    )
    context = {"event": events[-1], "events": events}
    return {
        key: json.loads(
            asyncio.run(render_user_template(template["value"]["template"], context))
        )
        for key, template in run_parameters(planned).items()
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "sent", "value"),
    [
        (ir.ParameterType.FLOAT, "0.75", 0.75),
        (ir.ParameterType.INT, 3, 3),
        (ir.ParameterType.BOOL, "no", False),
        (ir.ParameterType.STR, 5, "5"),
        (ir.ParameterType.JSON, {"a": [1, None]}, {"a": [1, None]}),
        # For the server's check of the parameters, which names it.
        (ir.ParameterType.FLOAT, "much", "much"),
    ],
)
def test_a_field_of_an_event_becomes_a_value_of_its_parameters_type(kind, sent, value):
    field = ir.Field(parameter="alpha", name="a")
    triggers = ir.Triggers(events=(ir.Trigger(event="fresh", fields=(field,)),))
    parameter = ir.Parameter(name="alpha", type=kind)

    made = parameters_of_a_run(triggers, [event("fresh", a=sent)], (parameter,))

    assert made["alpha"] == value


def test_a_run_is_told_of_each_of_several_events_once():
    fresh, ended = event("fresh"), event("metaflow.A.end", id="A/1/end/2", timestamp=17)
    triggers = ir.Triggers(
        events=(ir.Trigger(event="fresh"), ir.Trigger(event="metaflow.A.end", flow="A"))
    )

    # Prefect names the event that completed them first, and then all of them.
    told = parameters_of_a_run(triggers, [ended, fresh, ended])["triggered_by"]

    assert told == [
        {"name": "metaflow.A.end", "id": "A/1/end/2", "timestamp": 17, "type": "run"},
        {"name": "fresh", "id": str(fresh.id), "timestamp": int(MOMENT.timestamp()), "type": "event"},
    ]  # fmt: skip
