"""A command that a message or a report advises can be pasted into a shell as it is printed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from metaflow._vendor import click
from metaflow._vendor.click.testing import CliRunner

import metaflow_prefect
from metaflow_prefect.cli.group import Refused, prefect, reports_errors
from metaflow_prefect.deploy.server import deployment_record
from metaflow_prefect.errors import RunRefused
from metaflow_prefect.runtime.local import typed_command

PACKAGE = Path(metaflow_prefect.__file__).parent
PREFECTS_OWN = ("prefect server start",)


def _trees():
    for file in sorted(PACKAGE.rglob("*.py")):
        if "headless" not in file.parts:
            yield file.relative_to(PACKAGE), ast.parse(file.read_text(encoding="utf-8"))


def _name(call):
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def hints():
    """Return the words of every command that the package advises; `X` stands for what is known at run time."""
    for file, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node) == "typed":
                words = [it.value if isinstance(it, ast.Constant) else "X" for it in node.args
                         if not isinstance(it, ast.Starred)]  # fmt: skip
                yield pytest.param(words, id=f"{file} {' '.join(words)}")


@pytest.mark.parametrize("words", list(hints()))
def test_an_advised_command_exists_with_its_options_and_has_all_that_it_requires(words):
    name, *rest = words
    command = prefect.commands[name]
    with click.Context(command, info_name=name) as context:
        command.parse_args(context, list(rest))


def test_no_message_advises_a_command_of_ours_as_if_it_were_one_of_prefects():
    ours = re.compile(rf"(?<!python )`prefect ({'|'.join(prefect.commands)})\b")
    found = []
    for file, tree in _trees():
        documents = {
            id(node.value) for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }  # fmt: skip
        texts = (
            node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            and id(node) not in documents
        )  # fmt: skip
        found += [
            f"{file}: {text}" for text in texts
            if ours.search(text) and not any(own in text for own in PREFECTS_OWN)
        ]  # fmt: skip

    # The help of an option of `deploy` and the generated prefect.yaml speak of Prefect's own command.
    assert [text for text in found if "prefect deploy --all" not in text] == []


@pytest.mark.parametrize(
    ("argv", "rest", "printed"),
    [
        (["flow.py", "prefect", "run"], ["prefect", "run"], "python flow.py prefect logs X"),
        (["my flow.py", "prefect"], ["prefect"], "python 'my flow.py' prefect logs X"),
        (
            ["flows/a.py", "--production", "--datastore", "s3", "prefect", "deploy"],
            ["prefect", "deploy"],
            "python flows/a.py --production --datastore s3 prefect logs X",
        ),
        (
            ["a.py", "--config", "c", "my conf.json", "--branch", "prefect", "prefect", "status"],
            ["prefect", "status"],
            "python a.py --config c 'my conf.json' --branch prefect prefect logs X",
        ),
    ],
)
def test_a_hint_begins_as_the_command_was_typed_and_is_quoted(argv, rest, printed):
    token = typed_command._BEGINNING.set(typed_command.beginning(argv, rest))  # noqa: SLF001  put back below
    try:
        assert typed_command.typed("logs", "X") == printed
    finally:
        typed_command._BEGINNING.reset(token)  # noqa: SLF001  as above


@pytest.mark.parametrize(
    ("full_name", "words"),
    [
        ("Flow/default", ()),
        ("Flow/nightly run", ("--name", "nightly run")),
        ("Flow/shop.user.ann.Flow", ()),
        ("Flow/shop.prod.Flow.nightly", ("--name", "nightly")),
    ],
)
def test_a_deployment_is_named_by_the_option_that_finds_it(full_name, words):
    assert deployment_record.name_option(full_name) == words


def test_errors_are_shown_with_their_asterisks():
    problem = "The schedule 99 5 * * * (Europe/Berlin) is wrong."

    @click.command()
    def command():
        raise Refused(RunRefused(problem, fix="write 9 5 * * *"))

    shown = CliRunner().invoke(command)

    assert shown.exit_code == 1
    assert shown.output == (f"    Run refused:\n    {problem}\n    Fix: write 9 5 * * *\n\n")


def test_a_setting_that_prefect_cannot_read_is_named_without_its_value(monkeypatch):
    from prefect.settings import Settings

    monkeypatch.setenv("PREFECT_API_REQUEST_TIMEOUT", "s3cr3t")

    @click.command()
    @reports_errors
    def command():
        Settings()

    shown = CliRunner().invoke(command)

    assert shown.exit_code == 1
    assert "request_timeout: Input should be a valid number" in shown.output
    assert "s3cr3t" not in shown.output


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("server", "sotp"), "No such command 'sotp'. Did you mean 'stop'?"),
        (("server", "statsu"), "No such command 'statsu'. Did you mean 'status'?"),
        (("schedule", "paus"), "No such command 'paus'. Did you mean 'pause'?"),
        (("schedule", "resmue"), "No such command 'resmue'. Did you mean 'resume'?"),
    ],
)
def test_a_mistyped_command_of_a_group_within_is_answered_as_well(words, answer):
    group = prefect.commands[words[0]]
    shown = CliRunner().invoke(group, words[1:])

    assert shown.exit_code == 2
    assert shown.output.splitlines()[-1] == f"Error: {answer}"
