"""A task's process ends as its step has ended in the container, and says what only Northflank knows."""

from __future__ import annotations

import pytest
from metaflow_northflank.attempt import ContainerExit
from metaflow_northflank.task.outcome import Outcome, outcome

LOST = "its job was deleted in Northflank"


@pytest.mark.parametrize(
    ("ended", "succeeded", "expected"),
    [
        (ContainerExit(code=0), True, Outcome(code=0)),
        (None, True, Outcome(code=0)),
        (ContainerExit(code=1), False, Outcome(code=1)),
        (ContainerExit(code=202), False, Outcome(code=202)),
        (None, False, Outcome(code=1, words=f"The task's container is lost: {LOST}.")),
        (
            ContainerExit(code=0), False,
            Outcome(code=1, words="The step's process ended before Metaflow had saved what it did."),
        ),
        (
            ContainerExit(code=1, reason="the container was asked to end"), False,
            Outcome(code=1, words="The step was ended: the container was asked to end."),
        ),
        (
            ContainerExit(code=139), False,
            Outcome(code=139, words="Task failed with a segmentation fault."),
        ),
        (
            ContainerExit(code=137), False,
            Outcome(code=137, words=f"The step's process was killed: {LOST}."),
        ),
        # The step has done its work, and then its process failed: Metaflow's own runtime takes that for a failure, too.
        (ContainerExit(code=3), True, Outcome(code=3)),
    ],
)  # fmt: skip
def test_the_exit_code_is_the_step_s_own_where_it_is_known(ended, succeeded, expected):
    assert outcome(ended, succeeded=succeeded, reason=LOST) == expected
