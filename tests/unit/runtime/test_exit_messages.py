"""How a failed task ended, as the run's message says it."""

from __future__ import annotations

from pathlib import Path

from metaflow_prefect.runtime.steps.exit_messages import last_lines

METAFLOW = Path("/opt/venv/lib/metaflow")
TRACEBACK = """\
<flow F step divide[0] (input: 0)> failed:
    Internal error
Traceback (most recent call last):
  File "/opt/venv/lib/metaflow/cli.py", line 739, in main
    start(auto_envvar_prefix="METAFLOW", obj=state)
  File "/opt/venv/lib/metaflow/task.py", line 113, in _exec_step_function
    step_function()
  File "/home/you/flow.py", line 17, in divide
    self.result = 100 / self.input
                  ~~~~^~~~~~~~~~~~
ZeroDivisionError: division by zero""".splitlines()


def test_a_traceback_begins_with_the_users_own_code():
    assert last_lines(TRACEBACK, METAFLOW) == tuple(TRACEBACK[-4:])


def test_metaflows_frames_below_the_users_code_stay():
    inner = [
        *TRACEBACK[:-1],
        '  File "/opt/venv/lib/metaflow/client/core.py", line 1, in data',
        "KeyError: 1",
    ]

    assert last_lines(inner, METAFLOW) == tuple(inner[-5:])


def test_a_traceback_of_metaflow_alone_and_an_output_without_one_end_as_they_do():
    of_metaflow = [*TRACEBACK[:7], "MetaflowException: no"]
    lines = [f"line {n}" for n in range(30)]

    assert last_lines(of_metaflow, METAFLOW) == tuple(of_metaflow)
    assert last_lines(lines, METAFLOW) == tuple(lines[-12:])
    assert last_lines([], METAFLOW) == ()
