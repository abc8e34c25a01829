"""What @environment takes from the deploying environment is found by name and value, and never shown."""

from __future__ import annotations

import json

import pytest

from metaflow_prefect.deploy.plan.capturing import capture

ENVIRONMENT = {"TOKEN": "s3cr3t", "HOST": "db.example", "EMPTY": "", "SHELL": "/bin/sh"}


@pytest.mark.parametrize(
    "line",
    [
        'os.environ["TOKEN"]',
        'os.environ.get("TOKEN", "none")',
        'os.getenv("TOKEN")',
        'config("TOKEN")',
    ],
)
def test_a_variable_that_the_flow_names_and_passes_on_is_kept(line):
    code = f"import os\nVARS = {{'T': {line}}}\n".encode()

    found = capture([code], {"train": {"T": "s3cr3t"}}, ENVIRONMENT)

    assert found.variables == {"TOKEN": "s3cr3t"}
    assert found.steps == {"train": {"T": "s3cr3t"}}


def test_a_value_may_be_made_from_several_variables_and_only_such_values_are_kept():
    code = b'f"postgres://{os.environ["TOKEN"]}@{os.environ["HOST"]}"'.replace(b'["', b"['")
    code = code.replace(b'"]', b"']")
    steps = {
        "load": {"URL": "postgres://s3cr3t@db.example", "THREADS": "1"},
        "end": {"THREADS": "2"},
    }

    found = capture([code], steps, ENVIRONMENT)

    assert found.names == ("HOST", "TOKEN")
    assert found.steps == {"load": {"URL": "postgres://s3cr3t@db.example"}}


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (b'VARS = {"T": "s3cr3t"}', "s3cr3t"),
        (b'DEBUG = os.environ["TOKEN"]', "other"),
        (b'os.environ.get("EMPTY")', "anything"),
        (b'os.environ.get("MISSING")', "anything"),
        (b"\x00 no Python TOKEN", "s3cr3t"),
    ],
    ids=["not named", "not passed on", "empty", "not set", "no Python"],
)
def test_what_is_not_taken_is_not_kept(code, value):
    found = capture([code], {"start": {"T": value}}, ENVIRONMENT)

    assert (found.variables, found.steps) == ({}, {})


def test_nothing_but_names_is_ever_shown():
    found = capture([b'os.environ["TOKEN"]'], {"start": {"T": "s3cr3t"}}, ENVIRONMENT)

    assert "s3cr3t" not in repr(found)
    assert json.loads(found.to_json())["steps"] == {"start": {"T": "s3cr3t"}}
