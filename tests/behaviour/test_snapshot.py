"""The oracle itself: two runs of one flow are equal, and a planted difference is seen and named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.behaviour import snapshot
from tests.behaviour.cases import Case
from tests.behaviour.running import Form, start

pytestmark = pytest.mark.slow

PLANTED = """
from metaflow import FlowSpec, current, retry, step

class PlantedFlow(FlowSpec):
    @step
    def start(self):
        self.items = ITEMS
        self.next(self.work, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        self.x = self.input
        print("item", self.x)
        if current.retry_count < FAILURES:
            raise ValueError
        self.next(self.join)

    @step
    def join(self, inputs):
        self.xs = [i.x for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    PlantedFlow()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("planted")


@pytest.fixture(scope="module")
def run(root):
    """Run the planted flow with some words replaced, each time as the same flow; return its snapshot."""

    def run_(items: str = "[7, 8]", failures: int = 0) -> snapshot.RunSnapshot:
        text = PLANTED.replace("ITEMS", items).replace("FAILURES", str(failures))
        (root / "planted.py").write_text(text)
        case = Case(name="planted", folder=root)
        ended = start(case, Form.METAFLOW, root).wait()
        assert ended.exit_code == 0, ended.output
        return snapshot.read(root, f"PlantedFlow/{ended.run_id}")

    return run_


@pytest.fixture(scope="module")
def plain(run) -> snapshot.RunSnapshot:
    return run()


def test_two_runs_of_one_flow_are_equal(plain, run):
    again = run()
    assert not snapshot.differences(again, plain)
    assert again == plain


def test_tasks_are_known_by_their_place(plain):
    assert set(plain.tasks) == {"start", "work[0]", "work[1]", "join", "end"}
    assert plain.tasks["join"].parents == ("work[0]", "work[1]")
    assert plain.tasks["work[1]"].stdout == "item 8\n"
    assert plain.tasks["work[1]"].attempts == ((0, True),)


def test_another_value_is_seen(plain, run):
    found = snapshot.differences(run(items="[7, 9]"), plain)
    places = {line.partition(":")[0] for line in found}
    assert {
        "run.tasks.start.artifacts.items",
        "run.tasks.work[1].artifacts.x",
        "run.tasks.join.artifacts.xs",
        "run.tasks.work[1].stdout",
        "run.tasks.work[1].foreach_stack",
    } <= places
    assert "run.tasks.work[0].artifacts.x" not in places


def test_another_order_is_seen(plain, run):
    found = "\n".join(snapshot.differences(run(items="[8, 7]"), plain))
    assert "run.tasks.join.artifacts.xs" in found


def test_a_task_too_many_is_seen(plain, run):
    found = "\n".join(snapshot.differences(run(items="[7, 8, 9]"), plain))
    assert "run.tasks.work[2]: only ours" in found


def test_another_number_of_attempts_is_seen(plain, run):
    found = "\n".join(snapshot.differences(run(failures=1), plain))
    assert "run.tasks.work[0].attempts:\n    ours:       ((0, False), (1, True))" in found


def test_lost_logs_and_tags_are_seen(plain):
    tasks = dict(plain.tasks)
    tasks["work[0]"] = replace(tasks["work[0]"], stdout="")
    found = "\n".join(snapshot.differences(replace(plain, tasks=tasks, tags=("x",)), plain))
    assert "run.tags" in found
    assert "run.tasks.work[0].stdout" in found
