"""Tasks that ask for more than the container has together run one after the other, retries included."""

from __future__ import annotations

import subprocess
import sys

import pytest

from metaflow_prefect.runtime import variables
from tests.behaviour.running import PATIENCE_SECONDS, environment

pytestmark = pytest.mark.slow

FLOW = """
import time

from metaflow import FlowSpec, current, resources, retry, step


class HeavyFlow(FlowSpec):
    @step
    def start(self):
        self.items = [0, 1, 2]
        self.next(self.train, foreach="items")

    @resources(memory=12000)
    @retry(times=1, minutes_between_retries=0)
    @step
    def train(self):
        self.began = time.time()
        time.sleep(1)
        if self.input == 0 and current.retry_count == 0:
            raise ValueError("the first attempt fails")
        self.ended = time.time()
        self.next(self.join)

    @step
    def join(self, inputs):
        spans = sorted((each.began, each.ended) for each in inputs)
        overlap = any(before[1] > after[0] for before, after in zip(spans, spans[1:]))
        print("one after the other" if not overlap else "together")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    HeavyFlow()
"""


@pytest.mark.parametrize(
    ("memory", "expected"), [("16384", "one after the other"), ("", "together")]
)
def test_heavy_tasks_run_together_only_where_the_container_has_room(
    memory, expected, tmp_path, prefect_server
):
    (tmp_path / "heavy_flow.py").write_text(FLOW)
    extra = {**prefect_server.environment, variables.CONTAINER_MEMORY: memory}

    ended = subprocess.run(
        [sys.executable, "heavy_flow.py", "--no-pylint", "prefect", "run"],
        cwd=tmp_path, env=environment(tmp_path, extra), timeout=PATIENCE_SECONDS,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip

    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert expected in said
    waits = "train[1] waits for memory: 12000 of 16384 MB are asked for by train[0]"
    assert said.count("waits for memory") == said.count(waits) == (1 if memory else 0)
