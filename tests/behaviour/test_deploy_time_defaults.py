"""A function as a parameter's default is called when its value is needed, and once: as under Metaflow's `run`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.behaviour.running import PATIENCE_SECONDS, environment

pytestmark = pytest.mark.slow

FLOW = """
from metaflow import FlowSpec, Parameter, step


def counted(context):
    with open("calls", "a") as calls:
        calls.write("counted\\n")
    return 7


def fails(context):
    raise ValueError("there is no default here")


class LateFlow(FlowSpec):
    counted = Parameter("counted", default=counted, type=int)
    given = Parameter("given", default=fails)
    odd = Parameter("odd", default="seven", type=int)

    @step
    def start(self):
        assert (self.counted, self.given, self.odd) == (7, "x", 3)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LateFlow()
"""


@pytest.mark.parametrize("command", [("run",), ("prefect", "run")], ids=" ".join)
def test_a_default_is_evaluated_once_and_only_where_no_value_is_given(
    command, tmp_path, prefect_server
):
    (tmp_path / "late_flow.py").write_text(FLOW)

    ended = subprocess.run(
        [sys.executable, "late_flow.py", "--no-pylint", *command, "--given", "x", "--odd", "3"],
        cwd=tmp_path, env=environment(tmp_path, prefect_server.environment), timeout=PATIENCE_SECONDS,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (tmp_path / "calls").read_text() == "counted\n"
