"""The options by which a command says how steps are executed: they win over the environment, and leave it alone."""

from __future__ import annotations

import os

import pytest
from metaflow._vendor import click
from metaflow._vendor.click.testing import CliRunner

from metaflow_prefect.errors import SettingRefused
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.steps import step_options
from metaflow_prefect.runtime.steps.step_settings import ExecutorKind, StepSettings

ENVIRONMENT = {variables.STEP_EXECUTOR: "fresh", variables.NAMESPACE: "user:a"}


def typed(*words: str):
    """Run a command with the options; return its result and what was typed."""
    found = []
    options = [click.Option((name,), **keywords) for name, keywords in step_options.declarations()]
    command = click.Command(
        "run", params=options, callback=lambda: found.append(step_options.typed_options())
    )
    return CliRunner().invoke(command, list(words)), *found


def test_what_is_typed_wins_over_the_environment_which_stays_as_it_is():
    before = dict(os.environ)
    _, values = typed("--step-executor", "fork", "--retry-delay", "2")
    settings = StepSettings.of({**ENVIRONMENT, **values})
    assert settings == StepSettings(
        executor=ExecutorKind.FORK, namespace="user:a", retry_delay_limit=2.0
    )
    assert os.environ == before


def test_an_empty_namespace_is_typed_too():
    _, values = typed("--namespace", "")
    assert values == {variables.NAMESPACE: ""}


def test_what_is_not_typed_is_left_to_the_environment():
    assert typed()[1] == {}


def test_a_delay_below_zero_is_refused_where_it_is_typed():
    (result,) = typed("--retry-delay", "-1")
    assert result.exit_code == 2
    assert "is not a number of seconds" in result.output


def test_a_delay_that_is_no_number_is_refused_where_it_is_read():
    with pytest.raises(SettingRefused, match="is not a number of seconds"):
        StepSettings.of({variables.RETRY_DELAY: "soon"})
