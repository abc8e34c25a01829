"""`prefect resume` does what `resume` does, whoever made the run that is resumed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.comparing import of_runs
from tests.behaviour.running import environment

pytestmark = pytest.mark.slow

FLOW = """
import os

from metaflow import FlowSpec, Parameter, current, step

class ResumedFlow(FlowSpec):
    x = Parameter("x", default=1)

    @step
    def start(self):
        self.items = [1, 2, 3]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        print("work", self.input)
        self.y = self.input * self.x
        self.seen = self.x
        self.next(self.check)

    @step
    def check(self):
        if self.input == 2 and "BROKEN" in os.environ:
            raise RuntimeError("not yet")
        self.seen_later = self.x
        self.next(self.join)

    @step
    def join(self, inputs):
        self.ys = [i.y for i in inputs]
        self.seen = [(i.seen, i.seen_later) for i in inputs]
        self.merge_artifacts(inputs, include=["x"])
        self.next(self.turn)

    @step
    def turn(self):
        self.turns = getattr(self, "turns", 0) + 1
        self.way = "again" if self.turns < 2 else "on"
        self.next({"again": self.turn, "on": self.end}, condition="way")

    @step
    def end(self):
        self.is_resumed = current.origin_run_id is not None

if __name__ == "__main__":
    ResumedFlow()
"""


class Folder:
    """Runs the flow, and knows the id of each run by the name it was given."""

    def __init__(self, root: Path, extra: dict[str, str]) -> None:
        self.root = root
        (root / "resumed_flow.py").write_text(FLOW)
        self._environment = environment(root, extra)

    def do(self, name: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "resumed_flow.py", "--no-pylint", *words, "--run-id-file", name],
            cwd=self.root, env={**self._environment, **variables},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def run(self, name: str, *words: str, **variables: str) -> None:
        done = self.do(name, *words, **variables)
        assert (done.returncode != 0) == bool(variables), done.stdout + done.stderr

    def id(self, name: str) -> str:
        return (self.root / name).read_text().strip()

    def data(self, name: str) -> dict[str, Any]:
        """Return the artifacts of the run's end."""
        lines = (
            "import json; from metaflow import Run, namespace; namespace(None)",
            f"data = Run('ResumedFlow/{self.id(name)}').data",
            "print(json.dumps({name: getattr(data, name) for name in ('seen', 'ys', 'x')}))",
        )
        printed = subprocess.run(
            [sys.executable, "-c", "\n".join(lines)],
            cwd=self.root, env=self._environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(printed.stdout)
        return found

    def differences(self, ours: str, theirs: str) -> list[str]:
        return of_runs(self.root, f"ResumedFlow/{self.id(ours)}", f"ResumedFlow/{self.id(theirs)}")


@pytest.fixture(scope="module")
def folder(prefect_server, tmp_path_factory) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("resumed"), prefect_server.environment)
    folder.run("metaflow", "run", "--x", "5", BROKEN="1")
    folder.run("ours", "prefect", "run", "--x", "5", BROKEN="1")
    folder.run("metaflow-resumed", "resume", "--origin-run-id", folder.id("metaflow"))
    return folder


def test_a_run_of_metaflow_is_resumed_as_metaflow_resumes_it(folder):
    folder.run("ours-of-theirs", "prefect", "resume", "--origin-run-id", folder.id("metaflow"))

    assert folder.differences("ours-of-theirs", "metaflow-resumed") == []


def test_a_run_of_ours_is_resumed_as_well_also_from_a_step_that_is_named(folder):
    origin = ("--origin-run-id", folder.id("ours"))
    folder.run("ours-of-ours", "prefect", "resume", "work", *origin)
    folder.run("theirs-of-ours", "resume", "work", *origin)

    assert folder.differences("ours-of-ours", "theirs-of-ours") == []


@pytest.mark.parametrize("executor", ["auto", "fresh"])
def test_what_is_executed_again_sees_the_new_value_of_a_parameter(folder, executor):
    """Metaflow's own `resume` takes no parameters; what was taken over stays as it was."""
    name = f"new-value-{executor}"
    origin = ("--origin-run-id", f"ResumedFlow/{folder.id('ours')}", "--step-executor", executor)
    folder.run(name, "prefect", "resume", *origin, "--x", "7")
    data = folder.data(name)

    assert sorted(data["seen"]) == [[5, 5], [5, 5], [5, 7]]
    assert (data["ys"], data["x"]) == ([5, 10, 15], 7)


def test_an_unknown_run_is_answered_with_the_latest_that_there_are(folder):
    folder.run("latest", "prefect", "run")
    refused = folder.do("refused", "prefect", "resume", "--origin-run-id", "nope")

    assert folder.id("latest") in refused.stderr


@pytest.mark.parametrize("words", [("--origin-run-id", "nope"), ("nowhere",)], ids=" ".join)
def test_what_metaflow_refuses_is_refused_and_begins_no_run(folder, words):
    theirs = folder.do("theirs-refused", "resume", *words)
    ours = folder.do("ours-refused", "prefect", "resume", *words)

    assert theirs.returncode != 0
    assert ours.returncode != 0
    assert "Traceback" not in ours.stderr
    assert words[-1] in ours.stderr or words[0] in ours.stderr
    assert not (folder.root / "ours-refused").exists()
