"""The script arrives in the container as it was written, whatever is in it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

from hypothesis import example, given, settings
from hypothesis import strategies as st
from metaflow_northflank.container.variables import STEP_SCRIPT
from metaflow_northflank.task import container_script
from metaflow_northflank.task.container_script import (
    ShellParts,
    command,
    container_variables,
    input_path_variables,
    script,
)

SHOW = f"{shlex.quote(sys.executable)} -S -c 'import json, os; print(json.dumps(dict(os.environ)))'"
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


def in_container(text: str) -> subprocess.CompletedProcess[str]:
    """Run the script as Northflank runs a command: without a shell, with the variables."""
    variables = container_variables(text)
    return subprocess.run(
        shlex.split(command(variables)),
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.sampled_from(["A", "B"]), TEXT))
@example({"A": "${HOME} $(date) `date` 'x' \"y\" \\ \n z"})
def test_every_value_of_a_variable_reaches_the_step_unchanged(environment):
    parts = ShellParts(
        log_variables="true",
        package=("true",),
        functions=(),
        bootstrap=(),
        step="true",
        captured="{}",
    )
    text = script(parts, environment).replace("exec python -m metaflow_northflank.container", SHOW)

    shown = json.loads(in_container(text).stdout)

    assert {name: shown[name] for name in environment} == environment


def test_the_step_is_a_script_of_its_own_with_its_bootstrap(tmp_path, monkeypatch):
    parts = ShellParts(
        log_variables="export LOG=x",
        package=("mkdir metaflow", "cd metaflow"),
        functions=('say(){ echo \\"said $1\\"; }',),
        bootstrap=("say bootstrap",),
        step="echo step in $LOG",
        captured="({}) 2>&1",
    )
    monkeypatch.chdir(tmp_path)
    text = script(parts, {}).replace(
        "exec python -m metaflow_northflank.container", f'exec bash "${STEP_SCRIPT}"'
    )

    assert in_container(text).stdout.splitlines() == ["said bootstrap", "step in x"]


def test_a_failed_download_ends_the_container_before_the_step():
    parts = ShellParts(
        log_variables="true",
        package=("false",),
        functions=(),
        bootstrap=(),
        step="true",
        captured="{}",
    )

    assert in_container(script(parts, {})).returncode == 1


def test_a_long_script_is_divided_among_variables(monkeypatch):
    monkeypatch.setattr(container_script, "PART", 10)

    assert in_container("echo " + "long " * 30).stdout == "long " * 29 + "long\n"


@given(st.text(st.characters(codec="ascii"), max_size=200))
def test_input_paths_come_together_again_in_order(paths):
    assert "".join(input_path_variables(paths).values()) == paths
