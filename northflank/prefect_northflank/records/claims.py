"""Who may start a flow run, and which container may execute it: claims made of Prefect's own states. Pure.

A claim is a PENDING state that directly follows the state upon which a worker decided to start the flow run. Prefect's
server writes states one after the other, so of all claims upon one state exactly one directly follows it. A worker that
finds another state in between has lost and starts nothing; a container whose claim is no longer the last state executes
nothing.
RUNNING cannot become PENDING again (PreventPendingTransitions in prefect/server/orchestration/core_policy.py), so a claim
that comes late never disturbs a flow that runs. COMPLETED, FAILED and CRASHED can: there, a request that comes late covers
the state with which the flow run ended. So a claim is one only if it stands on a scheduled state, with nothing in between
but what starts leave behind; a state that was covered is put back (`covered`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from prefect.client.schemas.objects import State, StateType

CLAIMED = "InfrastructurePending"
"""Name of a claim; Prefect's own name for a flow run whose infrastructure is being created."""

CLAIMED_AGAIN = "Restarting"
"""Name of a claim that follows one: Prefect refuses a PENDING state of the same name."""

PASSED = "Starting"
"""Name of the state with which a container reports that it executes the flow run (also in claim_gate_script.py)."""

_TAKEN = "Pending"
_ANNOUNCED = "Submitting"
"""Names that Prefect's base worker gives: the flow run was taken from its pool, and is about to be submitted."""

_LATE = "Late"
"""Name that Prefect's server gives to flow runs that should have been taken by now; it looks first and writes later
(prefect.server.services.late_runs), so that one may be found late that has just been taken."""

_AWAITS_SLOT = "AwaitingConcurrencySlot"
_NO_SLOT = "Deployment concurrency limit reached."
"""Name of the SCHEDULED, and message of the CANCELLED state by which Prefect's server answers a request for PENDING
when the deployment's concurrency limit is reached (SecureFlowConcurrencySlots in core_policy.py)."""

_RETRIED = "Retrying on remote infrastructure"
"""Message of the PENDING state with which Prefect's `worker.submit` begins to execute a flow run again that was over
(BaseWorker._submit_adhoc_run): there is no scheduled state where there is no deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to start a flow run, until another state follows."""

    id: UUID
    """Of the state that is the claim."""
    gated: bool = True
    """Whether a container can check the claim: the server accepts further PENDING states."""


def name_of_claim(after: str | None) -> str:
    """Return the name of a claim that follows a state named *after*."""
    return CLAIMED_AGAIN if after == CLAIMED else CLAIMED


def is_last(states: Sequence[State], state: UUID) -> bool:
    """Return whether *state* is the last of *states* (oldest first)."""
    return [it.id for it in _but_late(states, state)[-1:]] == [state]


def directly_follows(states: Sequence[State], state: UUID, after: UUID) -> bool:
    """Return whether *state* is the last of *states* (oldest first) and directly follows *after*."""
    return [it.id for it in _but_late(states, after)[-2:]] == [after, state]


def _but_late(states: Sequence[State], decided_upon: UUID) -> Sequence[State]:
    """Leave out Late, unless it is the state that was decided upon.

    The server orders states by when it was asked for them. One that was asked for after a worker had taken the flow run,
    and written before, is the last of the list for ever, though the flow run is Pending.
    """
    return [it for it in states if it.name != _LATE or it.id == decided_upon]


def submitted(states: Sequence[State]) -> State | None:
    """Return the state upon which a fresh submission is based; None if it is no longer fresh.

    Prefect's base worker sets Pending and Submitting whatever has happened since it asked for flow runs, so a slow worker
    may have set Submitting upon the claim of another one.
    """
    last = states[-1] if states else None
    if last is None or last.type is not StateType.PENDING:
        return None
    earlier = [it for it in states[:-1] if it.name != _LATE]
    taken = earlier[-1] if last.name == _ANNOUNCED and earlier else last
    return last if taken.type is StateType.PENDING and taken.name == _TAKEN else None


def covered(states: Sequence[State]) -> State | None:
    """Return the final state that late requests have covered; None if the last of *states* is right.

    A flow run that is over starts again with a SCHEDULED state, whether a user, a retry or Prefect itself asks for it.
    """
    for number, state in enumerate(reversed(states)):
        if _may_come_late(state):
            continue
        return state if number and state.is_final() else None
    return None


def _may_come_late(state: State) -> bool:
    """Return whether *state* is one that a start leaves behind, so that it does not show whether it came in time."""
    match state.type:
        case StateType.PENDING:
            return state.message != _RETRIED
        case StateType.SCHEDULED:
            return state.name in {_LATE, _AWAITS_SLOT}
        case StateType.CANCELLED:
            return state.message == _NO_SLOT
        case _:
            return False


def container_of(states: Sequence[State]) -> str | None:
    """Return the name of the container that executes the flow run under its latest claim; None if none has reported it."""
    for state in reversed(states):
        if state.name == PASSED:
            return str(state.message)
        if state.name in {CLAIMED, CLAIMED_AGAIN}:
            return None
    return None
