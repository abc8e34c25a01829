"""What is typed after NAME= becomes a value of the right type, or a refusal that names it."""

from __future__ import annotations

import pytest

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan.options import job_variables, parameter_defaults, with_defaults
from metaflow_prefect.deploy.plan.parameter_schema import (
    arguments,
    flow_run_parameters,
    parameter_schema,
)
from metaflow_prefect.deploy.plan.plan import deployment_name
from metaflow_prefect.errors import DeploymentRefused, ParameterRefused

PARAMETERS = (
    ir.Parameter(name="alpha", type=ir.ParameterType.FLOAT, required=True),
    ir.Parameter(name="my-flag", type=ir.ParameterType.BOOL, default=False),
    ir.Parameter(name="config", type=ir.ParameterType.JSON),
    ir.Parameter(name="mode", type=ir.ParameterType.STR, default="a", choices=("a", "b")),
    ir.Parameter(name="words", type=ir.ParameterType.STR, default="x", separator=","),
)
KEYS = {item.name: item.name.replace("-", "_") for item in PARAMETERS}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("alpha=1e-3", "alpha", 0.001),
        ("my_flag=yes", "my-flag", True),
        ('config={"a": [1]}', "config", {"a": [1]}),
        ("MODE=b", "mode", "b"),
    ],
)
def test_a_default_has_the_type_of_its_parameter(text, name, value):
    changed = with_defaults(PARAMETERS, parameter_defaults((text,)))

    (found,) = [item for item in changed if item.name == name]
    assert (found.default, found.required) == (value, False)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("alpha=much", "float"),
        ("my-flag=perhaps", "bool"),
        ("config={", "json"),
        ("mode=c", "one of a, b"),
        ("nope=1", "no such parameter"),
    ],
)
def test_a_default_that_does_not_fit_is_refused_by_name(text, word):
    with pytest.raises(ParameterRefused, match=text.partition("=")[0]) as refused:
        with_defaults(PARAMETERS, parameter_defaults((text,)))
    assert word in str(refused.value)


@pytest.mark.parametrize("text", ["", "name", "=value"])
def test_an_assignment_needs_a_name_and_an_equals_sign(text):
    with pytest.raises(DeploymentRefused, match="NAME=VALUE"):
        job_variables((text,))


def test_a_job_variable_is_json_where_it_can_be_and_the_environment_is_always_text():
    given = job_variables(("cpu=2", "image=x:1", "env.N=2", "env.E=a=b"))

    assert given == {"cpu": 2, "image": "x:1", "env": {"N": "2", "E": "a=b"}}


def test_values_reach_a_flow_run_by_metaflows_names_and_lists_as_one_text():
    known = arguments(parameter_schema(PARAMETERS, KEYS))

    given = flow_run_parameters(known, {"my_flag": True, "WORDS": ["p", "q"]}, "F/default")

    assert given == {"my_flag": True, "words": "p,q"}


def test_a_parameter_that_the_deployment_does_not_have_is_refused():
    with pytest.raises(ParameterRefused, match="nope"):
        flow_run_parameters((), {"nope": 1}, "F/default")


def test_what_started_a_run_is_no_parameter_of_the_flow():
    schema = parameter_schema(PARAMETERS, KEYS, is_triggered=True)

    assert "triggered_by" in schema["properties"]
    assert "triggered_by" not in {argument.key for argument in arguments(schema)}


@pytest.mark.parametrize("name", ["a/b", "50%", "x" * 256, "line\nend"])
def test_a_name_that_no_deployment_can_have_is_refused(name):
    with pytest.raises(DeploymentRefused, match="name"):
        deployment_name(None, name)


def test_under_project_the_name_is_the_branchs():
    project = ir.Project(
        name="shop", branch="test.x", flow_name="shop.test.x.F", is_production=False
    )

    assert deployment_name(project, None) == "shop.test.x.F"
    assert deployment_name(project, "b") == "shop.test.x.F.b"
