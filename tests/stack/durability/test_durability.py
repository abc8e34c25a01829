"""A run survives the death of its container: what Metaflow has recorded as done is not done again.

`make soak` kills more often, and compares with an undisturbed run.
"""

from __future__ import annotations

import pytest
from metaflow import Step, metadata, namespace

from tests.stack.durability.container import Container, Death
from tests.stack.durability.kills import Life, Moment, pool

pytestmark = pytest.mark.slow

MOMENTS = (
    Moment(tasks=4, seconds=0.1, death=Death.CONTAINER),
    Moment(tasks=9, seconds=0.3, death=Death.FLOW_PROCESS),
)


def test_a_killed_run_goes_on_where_it_stopped(prefect_server, tmp_path):
    life = Life(container=Container(tmp_path, prefect_server.environment), problems=[])
    life.container.deploy_and_trigger(pool(prefect_server.environment))

    hit = [life.die(moment) for moment in MOMENTS]
    start = f"CountingFlow/{life.container.run_id}/start"
    (first,) = (task for task in life.container.recorded() if task.startswith(f"{start}/"))
    life.container.forget_what_was_registered(first)
    life.live()

    assert hit == [True, True]
    assert life.problems == []
    metadata(f"local@{tmp_path}")
    namespace(None)
    assert Step(start).task["items"].data == list(range(26))
    assert "Completed" in (tmp_path / "out.log").read_text()
