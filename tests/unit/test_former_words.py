"""Who comes from metaflow-prefect and types its words is told ours; the page for these users says the same."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from metaflow_prefect.cli import former_words
from metaflow_prefect.cli.group import prefect

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "from-metaflow-prefect.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `prefect (.+?)` \| `prefect (.+?)` \|$", PAGE, re.MULTILINE)
"""The page's table of commands: theirs, and ours."""
FLOW = ROOT / "tests" / "stack" / "deployments" / "flows" / "my_flow.py"


def said(words: str) -> str:
    """Return the last line of what the flow's command line answers."""
    ended = subprocess.run(
        [sys.executable, FLOW, "--quiet", "--no-pylint", "prefect", *shlex.split(words)],
        env=os.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2, ended.stdout + ended.stderr
    return ended.stderr.splitlines()[-1]


ANSWERS = (
    "Error: No such command 'compile'. Did you mean 'create'?",
    "Error: no such option: --name: `create` writes a file; `deploy` registers a deployment, with the same option.",
    "Error: no such option: --clone-run-id: name the run with --origin-run-id.",
    "Error: no such option: --run-param: each parameter is an option of its own: --NAME VALUE.",
)


@pytest.mark.parametrize(("row", "answer"), list(zip(ROWS, ANSWERS, strict=False)))
def test_a_command_of_metaflow_prefect_is_answered_with_ours(row, answer):
    assert said(row[0]) == answer


def test_each_command_of_the_page_exists_with_its_options():
    of_flow = {"--alpha"}
    for _, ours in ROWS:
        name, *words = shlex.split(ours)
        known = {option for parameter in prefect.commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known | of_flow


def test_each_former_word_is_answered_by_a_command_that_does_not_have_it():
    assert len(ROWS) == len(ANSWERS)
    for former, name in former_words.COMMANDS.items():
        assert former not in prefect.commands
        assert name in prefect.commands
    for name, option in former_words.OPTIONS:
        assert option not in {opt for it in prefect.commands[name].params for opt in it.opts}
