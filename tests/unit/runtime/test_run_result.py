"""What a script gets of a run, and which option wins where a flow's parameter has its name."""

from __future__ import annotations

import json

import pytest
from metaflow._vendor import click

from metaflow_prefect.cli.options import JSON, WithParameters
from metaflow_prefect.runtime.flow.graph import End, Foreach, Next, Step
from metaflow_prefect.runtime.progress import model, run_result
from metaflow_prefect.runtime.progress.model import Change, ProgressEvent, State
from metaflow_prefect.runtime.progress.run_result import RunResult, RunStatus


class Task:
    retries = 0
    timeout_seconds = None

    def __init__(self, name: str) -> None:
        self.name = name


STEPS = (
    Step(Task("start"), Foreach("train", over="settings")),
    Step(Task("train"), Next("end")),
    Step(Task("end"), End()),
)


def ended(status: RunStatus = RunStatus.SUCCEEDED, **more) -> RunResult:
    return RunResult(
        flow="DemoFlow", flow_run_id="0192", status=status, state="Completed", message="", **more
    )


def a_failed_run() -> model.Progress:
    now = model.begin("DemoFlow", "prefect-0192", STEPS, 0.0)
    for name, change, moment in (
        ("start", Change.QUEUED, 0),
        ("start", Change.STARTED, 1),
        ("start", Change.DONE, 2),
        ("train", Change.QUEUED, 2),
        ("train", Change.STARTED, 2),
        ("train", Change.RETRYING, 3),
        ("train", Change.STARTED, 3),
        ("train", Change.FAILED, 5),
    ):
        now = now.after(ProgressEvent(step=name, change=change, moment=moment))
    return now.finished(State.FAILED, 6.0)


def test_a_script_gets_the_run_its_times_and_how_far_each_step_came():
    summary = ended(RunStatus.FAILED, name="grey-owl", progress=a_failed_run()).summary()

    assert summary["run"] == "DemoFlow/prefect-0192"
    assert (summary["status"], summary["name"]) == ("FAILED", "grey-owl")
    assert (summary["start"], summary["end"]) == (
        "1970-01-01T00:00:00+00:00",
        "1970-01-01T00:00:06+00:00",
    )
    assert summary["steps"][1] == {
        "step": "train", "state": "failed", "tasks": 1, "done": 0, "failed": 1, "retried": 1,
        "reused": 0, "seconds": 3.0,
    }  # fmt: skip
    assert [step["state"] for step in summary["steps"]] == ["done", "failed", "waiting"]


def test_a_run_that_failed_before_its_first_step_has_no_times_and_no_steps():
    summary = ended(RunStatus.FAILED).summary()

    assert (summary["start"], summary["end"], summary["steps"]) == (None, None, [])


def test_json_goes_to_standard_output_and_words_to_standard_error(capsys):
    run_result.conclude(ended(), is_json=True)

    out, err = capsys.readouterr()
    assert (json.loads(out)["status"], err) == ("SUCCEEDED", "")


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        (RunStatus.FAILED, "Failed", "DemoFlow failed: why"),
        (RunStatus.RUNNING, "Suspended", "DemoFlow is suspended: why"),
    ],
)
def test_a_run_that_did_not_succeed_ends_the_command_with_1(capsys, status, state, words):
    unhappy = RunResult(flow="DemoFlow", flow_run_id="1", status=status, state=state, message="why")

    with pytest.raises(SystemExit) as exit_:
        run_result.conclude(unhappy, is_json=False, fix="resume it")

    assert exit_.value.code == 1
    assert capsys.readouterr() == ("", f"{words}\nFix: resume it\n")


def test_a_parameter_of_the_flow_wins_over_our_option_of_the_same_name():
    @JSON
    @click.option("--json", "json_", default="mine")
    @click.command(cls=WithParameters)
    def run(**values):
        raise SystemExit(repr(sorted(values.items())))

    run.params.sort(key=lambda option: option.name != "json_")  # as Metaflow does: its own first
    with pytest.raises(SystemExit) as exit_:
        run.main(["--json", "theirs"])

    assert exit_.value.code == "[('is_json', False), ('json_', 'theirs')]"
