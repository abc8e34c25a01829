"""What a container whose flow run has ended leaves: results, failures, and tasks that need another container."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from metaflow_prefect.errors import StepFailed
from metaflow_prefect.runtime.flow.dispatcher import Launch
from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.step_containers import slices
from metaflow_prefect.runtime.step_containers.slices import Lost, Slice
from metaflow_prefect.runtime.store.datastore import RunDatastore, TaskRecord

_AT_ONCE = 16
"""How many tasks are read from the datastore at the same time."""

KILLED = -9
"""The exit code that is recorded for an attempt whose container was lost: as of a process that was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the flow run of a slice ended. `is_lost`: Prefect or its worker says so, not the flow run itself."""

    is_lost: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What follows: `done` are the results by label, `failed` the errors of tasks that are not tried again.

    `fallbacks` are tasks whose attempts are used up and that have a @catch, with the number of those attempts.
    `again` are the slices that need another container.
    """

    done: Mapping[str, TaskRecord]
    failed: Mapping[str, StepFailed]
    fallbacks: tuple[tuple[Launch, int], ...] = ()
    again: tuple[Slice, ...] = ()


def finished_already(slice_: Slice, datastore: RunDatastore) -> dict[str, TaskRecord]:
    """Return the results that the tasks have left so far."""
    places = [launch.place for launch in slice_.launches]
    # Each takes several requests of an object store.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        records = list(pool.map(datastore.record, places))
    return {
        place.label: record
        for place, record in zip(places, records, strict=True)
        if record is not None
    }


def aftermath(slice_: Slice, ended: Ended, step: Step, datastore: RunDatastore) -> Aftermath:
    """Read what the tasks of *slice_* left in the datastore, and decide what follows.

    The decision about a lost container is stored before anybody acts on it: a flow run that is executed again must
    ask for the same containers.
    """
    done = finished_already(slice_, datastore)
    open_ = [item for item in slice_.launches if item.place.label not in done]
    if not open_:
        return Aftermath(done=done, failed={})
    if not ended.is_lost:
        # Its reason names the task that failed; the others of the slice were ended because of it.
        return Aftermath(
            done=done, failed={item.place.label: StepFailed(ended.reason) for item in open_}
        )
    decision = _decision(slice_, step, datastore, open_, has_progressed=bool(done))
    return _carry_out(slice_, ended, step, datastore, decision, done)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """Which task paid an attempt, its number, and which tasks share the next containers.

    `is_used_up`: that was the last attempt of the user's code.
    """

    payer: str | None
    attempt: int
    is_used_up: bool
    groups: tuple[tuple[str, ...], ...]
    is_fruitless: bool

    def to_json(self) -> bytes:
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> _Decision:
        stored = json.loads(text)
        groups = tuple(tuple(group) for group in stored.pop("groups"))
        return cls(groups=groups, **stored)


def _decision(
    slice_: Slice, step: Step, datastore: RunDatastore, open_: list[Launch], *, has_progressed: bool
) -> _Decision:
    """Return the decision about the lost container: the one that was stored first."""
    name = f"containers/{datastore.run_id}/{slice_.key.replace('/', '-')}.json"
    stored = datastore.read(name)
    if stored is not None:
        return _Decision.from_json(stored)
    spent = {item.place.label: datastore.attempts(item.place) for item in open_}
    lost = Lost(
        open=tuple(spent),
        begun=tuple(
            item.place.label
            for item in open_
            if datastore.has_begun(item.place, spent[item.place.label])
        ),
        progressed=has_progressed,
    )
    paying = slices.payer(lost)
    attempt = 0 if paying is None else spent[paying]
    is_used_up = paying is not None and attempt >= step.user_retries
    decided = _Decision(
        payer=paying,
        attempt=attempt,
        is_used_up=is_used_up,
        groups=slices.regroup(lost, without=paying if is_used_up else None),
        is_fruitless=not lost.begun and not lost.progressed,
    )
    datastore.write(name, decided.to_json())
    return decided


def _carry_out(
    slice_: Slice,
    ended: Ended,
    step: Step,
    datastore: RunDatastore,
    decision: _Decision,
    done: Mapping[str, TaskRecord],
) -> Aftermath:
    by_label = {launch.place.label: launch for launch in slice_.launches}
    failed: dict[str, StepFailed] = {}
    fallbacks: tuple[tuple[Launch, int], ...] = ()
    if decision.payer is not None and decision.payer not in done:
        launch = by_label[decision.payer]
        datastore.save_exit(launch.place, decision.attempt, KILLED)
        if decision.is_used_up and step.error_retries:
            fallbacks = ((launch, decision.attempt + 1),)
        elif decision.is_used_up:
            failed[decision.payer] = _failed(launch, ended.reason)
    if decision.is_fruitless and slice_.fruitless + 1 >= slices.MAX_FRUITLESS:
        reason = (
            f"{slices.MAX_FRUITLESS} containers in a row ended before a task began. {ended.reason}"
        )
        labels = [label for group in decision.groups for label in group]
        return Aftermath(
            done=done, failed={label: _failed(by_label[label], reason) for label in labels}
        )
    again = slices.next_slices(
        slice_,
        [group for group in decision.groups if not done.keys() >= set(group)],
        is_fruitless=decision.is_fruitless,
        pause=0 if decision.payer is None else _retry_delay(step),
    )
    return Aftermath(done=done, failed=failed, fallbacks=fallbacks, again=tuple(again))


def _retry_delay(step: Step) -> float:
    return float(getattr(step.task, "retry_delay_seconds", 0) or 0)


def _failed(launch: Launch, reason: str) -> StepFailed:
    return StepFailed(f"Step {launch.place.step} failed ({launch.place.label}): {reason}")
