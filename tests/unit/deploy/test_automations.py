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
from metaflow_prefect.deploy.plan.automations import run_parameters
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.deploy.plan.plan import plan
from tests.unit.deploy.test_jobs import context, flow

MOMENT = datetime(2026, 11, 21, tzinfo=timezone.utc)


def event(name, **payload):
    resource = {"prefect.resource.id": "x"}
    return ReceivedEvent(
        id=uuid4(), occurred=MOMENT, event=name, resource=resource, payload=payload
    )


def parameters_of_a_run(triggers, events, parameters=()):
    planned = plan(
        flow("s3", parameters=parameters, triggers=triggers), "", DeployOptions(), context("docker")
    )
    fired = {"event": events[-1], "events": events}
    return {
        key: json.loads(
            asyncio.run(render_user_template(template["value"]["template"], fired))
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
        (ir.ParameterType.STR, True, "true"),
        (ir.ParameterType.STR, "2026-11-27", "2026-11-27"),
        (ir.ParameterType.STR, None, None),
        (ir.ParameterType.INT, "-7", -7),
        (ir.ParameterType.JSON, '{"a": [1, null]}', {"a": [1, None]}),
        # A text that holds a text remains JSON, as its parameter reads texts.
        (ir.ParameterType.JSON, '"word"', '"word"'),
        # For the server's check of the parameters, which names it.
        (ir.ParameterType.FLOAT, "much", "much"),
        (ir.ParameterType.FLOAT, "nan", "nan"),
        (ir.ParameterType.FLOAT, "inf", "inf"),
        (ir.ParameterType.INT, "0.5", "0.5"),
        (ir.ParameterType.INT, "much", "much"),
        (ir.ParameterType.STR, {"a": 1}, {"a": 1}),
        (ir.ParameterType.STR, ["m"], ["m"]),
    ],
)
def test_a_field_of_an_event_becomes_a_value_of_its_parameters_type(kind, sent, value):
    field = ir.Field(parameter="alpha", name="a")
    triggers = ir.Triggers(events=(ir.Trigger(event="fresh", fields=(field,)),))
    parameter = ir.Parameter(name="alpha", type=kind)

    made = parameters_of_a_run(triggers, [event("fresh", a=sent)], (parameter,))

    assert made["alpha"] == value


def of_an_event(parameter, sent):
    """What the flow run's parameter is after an event with that field, or without one."""
    field = ir.Field(parameter=parameter.name, name="a")
    triggers = ir.Triggers(events=(ir.Trigger(event="fresh", fields=(field,)),))
    return parameters_of_a_run(triggers, [event("fresh", **sent)], (parameter,))[parameter.name]


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        (["m", "n"], "m|n"),
        ([1, 0.5], "1|0.5"),
        ([], ""),
        ("m|n", "m|n"),
        (5, "5"),
        # No text stands for these: the server's check names them.
        (["m|n"], ["m|n"]),
        ([["m"]], [["m"]]),
        ([None], [None]),
        ([True], [True]),
        ({"m": 1}, {"m": 1}),
    ],
)
def test_a_list_of_an_event_becomes_the_text_that_its_parameter_separates(sent, value):
    parameter = ir.Parameter(name="words", type=ir.ParameterType.STR, separator="|", default="x")

    assert of_an_event(parameter, {"a": sent}) == value


@pytest.mark.parametrize(
    "default", [{"a": [None, True, "it's\n\u2028 {{ x }} %} 🙂"]}, [None], 1e-7, '"word"', None]
)
def test_a_default_of_any_shape_stands_where_an_event_has_no_such_field(default):
    parameter = ir.Parameter(name="data", type=ir.ParameterType.JSON, default=default)

    assert of_an_event(parameter, {}) == default


@pytest.mark.parametrize("sent", ["much", "{broken", "{'a': 1}", '{"a": None}', "[1,]", ""])
def test_a_text_that_is_no_json_is_nothing_that_prefect_could_make_a_parameter_of(sent):
    parameter = ir.Parameter(name="data", type=ir.ParameterType.JSON)

    with pytest.raises(json.JSONDecodeError):
        of_an_event(parameter, {"a": sent})


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
