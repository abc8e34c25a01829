"""Every state that Prefect has is one of the six that Metaflow's deployers know."""

from __future__ import annotations

import pytest
from prefect.client.schemas.objects import StateType

from metaflow_prefect.runtime.outcome import RunStatus, status


@pytest.mark.parametrize("kind", list(StateType))
def test_no_type_of_state_is_unknown(kind):
    assert status(kind.value, kind.value.title()) in RunStatus


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("SCHEDULED", "Late", "PENDING"),
        ("PAUSED", "Suspended", "RUNNING"),
        ("FAILED", "TimedOut", "TIMED_OUT"),
        ("CRASHED", "Crashed", "FAILED"),
        ("CANCELLED", "Cancelled", "ABORTED"),
    ],
)
def test_a_state_is_said_in_metaflows_words(kind, name, expected):
    assert status(kind, name).value == expected


def test_an_unknown_type_names_itself():
    with pytest.raises(ValueError, match="DREAMING"):
        status("DREAMING", "Dreaming")
