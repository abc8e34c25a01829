"""The command line of a generated file."""

from __future__ import annotations

import pytest
from metaflow._vendor.click.testing import CliRunner
from prefect import flow

from metaflow_prefect.runtime.local.command_line import command
from metaflow_prefect.runtime.local.declared_parameters import Json, Parameter


@flow
def a_flow(conf: object) -> None:
    """Take a parameter."""


@pytest.mark.parametrize(
    ("default", "shown"),
    [({"x": 1}, '{"x": 1}'), ([None, True], "[null, true]"), (2, "2"), ('"word"', '"word"')],
)
def test_help_shows_the_default_of_a_json_parameter_as_one_would_type_it(default, shown):
    made = command(a_flow, (Parameter("conf", Json, default=default),))

    assert f"--conf JSON                     [default: {shown}]" in (
        CliRunner().invoke(made, ["--help"]).output
    )
