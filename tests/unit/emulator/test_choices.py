"""The emulator's choices: how they are set, and that its README lists them."""

from __future__ import annotations

from pathlib import Path

import pytest
from northflank_emulator import options
from northflank_emulator.choices import Choices

from tests.support.emulator_choices import SWITCHES, turned

README = Path(__file__).parents[3] / "northflank" / "README.md"
WITH_AN_OPTION = {"aborted_run", "run_order", "retry_after", "log_prefix"}


def spelled(name: str) -> str:
    return name.replace("_", "-")


def choices_of(*words: str) -> Choices:
    return options.settings(options.read(words)).choices


def test_without_an_option_every_choice_is_the_first():
    assert choices_of() == Choices() == turned(())


@pytest.mark.parametrize("name", SWITCHES)
def test_each_choice_can_be_turned_on_the_command_line(name):
    other = turned([name])
    value = getattr(other, name).value
    words = (
        (f"--{spelled(name)}", value)
        if name in WITH_AN_OPTION
        else ("--choice", f"{spelled(name)}={value}")
    )

    assert choices_of(*words) == other != Choices()


def test_several_choices_can_be_turned():
    assert choices_of("--choice", "put=merges", "--choice", "taken-name=400") == turned(
        ["put", "taken_name"]
    )


def test_each_wrong_choice_is_named(capsys):
    with pytest.raises(SystemExit):
        choices_of("--choice", "put=never", "--choice", "nothing=1", "--choice", "put")

    said = capsys.readouterr().err
    assert all(f"--choice '{it}'" in said for it in ("put=never", "nothing=1", "put"))


@pytest.mark.parametrize("name", SWITCHES)
def test_the_readme_has_a_row_with_the_other_answer_of_each_choice(name):
    (row,) = (
        line
        for line in README.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{spelled(name)}` |")
    )

    assert f"`{getattr(turned([name]), name).value}`" in row.rpartition(" | ")[2]
