"""What Prefect's own check of a flow run's parameters says of values, with the schema that we give it."""

from __future__ import annotations

import pytest
from prefect.utilities.schema_tools import validate

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan.parameter_schema import (
    arguments,
    flow_run_parameters,
    parameter_schema,
)
from metaflow_prefect.errors import ParameterRefused

TYPES = {
    "text": ir.Parameter(name="text", type=ir.ParameterType.STR, default="x"),
    "nothing": ir.Parameter(name="nothing", type=ir.ParameterType.STR),
    "count": ir.Parameter(name="count", type=ir.ParameterType.INT, default=1),
    "rate": ir.Parameter(name="rate", type=ir.ParameterType.FLOAT, default=0.5),
    "is-on": ir.Parameter(name="is-on", type=ir.ParameterType.BOOL, default=True),
    "data": ir.Parameter(name="data", type=ir.ParameterType.JSON, default={"a": 1}),
    "needed": ir.Parameter(name="needed", type=ir.ParameterType.JSON, required=True),
    "words": ir.Parameter(
        name="words", type=ir.ParameterType.STR, separator=",", default="x,y"
    ),
    "kind": ir.Parameter(
        name="kind", type=ir.ParameterType.STR, choices=("a", "b"), default="a"
    ),
}  # fmt: skip

FITS = [
    ("text", "007"), ("text", ""), ("text", "2026-11-27"), ("nothing", None), ("count", -3), ("count", 10**20),
    ("rate", 1), ("rate", 1e-7), ("is-on", False), ("words", "p,q"), ("kind", "b"),
    ("data", {"a": [None, "much"]}), ("data", [1]), ("data", 7), ("data", True), ("data", None),
    ("data", '{"a": 1}'), ("data", ' [1, -2.5e3, null, "q\\"u"] '), ("data", '"word"'), ("data", "12"),
    ("needed", {}), ("needed", '"null"'),
]  # fmt: skip

DOES_NOT_FIT = [
    ("text", 7), ("text", ["x"]), ("text", None), ("count", "3"), ("count", 0.5), ("count", True), ("rate", "much"),
    ("is-on", "yes"), ("is-on", 1), ("words", ["p", "q"]), ("kind", "c"),
    ("data", "much"), ("data", "{broken"), ("data", "{'a': 1}"), ("data", '{"a": None}'), ("data", ""),
    ("data", "{a: 1}"), ("data", '"much'), ("data", "True"), ("needed", None), ("needed", "null"), ("needed", "much"),
]  # fmt: skip


def problems(name, value):
    schema = parameter_schema((TYPES[name],), {name: name})
    return validate({name: value}, schema)


@pytest.mark.parametrize(("name", "value"), FITS)
def test_a_value_that_fits_its_parameter_is_taken(name, value):
    assert not problems(name, value)


@pytest.mark.parametrize(("name", "value"), DOES_NOT_FIT)
def test_a_value_that_does_not_fit_its_parameter_is_refused(name, value):
    assert problems(name, value)


def of_words(value):
    known = arguments(parameter_schema((TYPES["words"],), {"words": "words"}))
    return flow_run_parameters(known, {"words": value}, "AFlow/default")


def test_a_list_becomes_the_text_that_its_parameter_separates():
    assert of_words(["p", 1]) == {"words": "p,1"}


def test_a_list_that_would_be_another_one_when_it_is_separated_is_refused():
    with pytest.raises(ParameterRefused, match="strings or numbers without ','"):
        of_words(["p,q"])
