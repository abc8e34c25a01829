"""What a run knows about one of its tasks."""

from __future__ import annotations

import pytest

from metaflow_prefect.runtime.flow.dispatcher import Frame, Launch, TaskPlace
from metaflow_prefect.runtime.run.task_state import TaskState

LAUNCH = Launch(TaskPlace("work", (Frame(3, 5),)), ("prefect-1/start/t",))


@pytest.mark.parametrize(
    ("number", "is_cloned", "is_reused"),
    [(None, False, True), (0, False, False), (0, True, True), (1, False, False)],
)
def test_a_task_is_reused_if_it_was_cloned_or_no_attempt_was_needed(number, is_cloned, is_reused):
    assert TaskState(LAUNCH, number=number, is_cloned=is_cloned).is_reused is is_reused


def test_its_label_is_the_name_of_its_task_run():
    assert TaskState(LAUNCH).label == LAUNCH.place.label
