"""`python flow.py prefect` alone: every command, in the order in which one needs them."""

from __future__ import annotations

import pytest
from metaflow._vendor.click.testing import CliRunner

from metaflow_prefect.cli.group import prefect
from metaflow_prefect.cli.overview import SECTIONS


def test_every_command_is_in_one_section():
    listed = [name for _, names in SECTIONS for name in names]

    assert sorted(listed) == sorted(prefect.commands)


def test_the_overview_fits_into_80_columns_one_line_per_command():
    shown = CliRunner().invoke(prefect, ["--help"], prog_name="flow.py prefect").output

    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    for name in prefect.commands:
        assert sum(line.split()[:1] == [name] for line in lines) == 1


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("deplo", "No such command 'deplo'. Did you mean 'deploy'?"),
        ("list-run", "No such command 'list-run'. Did you mean 'list-runs'?"),
        ("qqq", "No such command 'qqq'."),
    ],
)
def test_a_mistyped_command_is_answered_with_the_one_it_is_most_like(typed, answer):
    shown = CliRunner().invoke(prefect, [typed], prog_name="flow.py prefect")

    assert shown.exit_code == 2
    assert shown.output.splitlines()[-1] == f"Error: {answer}"
