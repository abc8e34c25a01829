"""What an attempt of a task keeps in the datastore beside Metaflow's own: who may execute it, and how it ended.

A start of which the answer is lost may be repeated. Each request to start carries a token, and the last one is recorded
before it is sent; a container first announces itself and then reads which token is the last. Whichever of the two
writes comes second is read by the other side, so a container and the start that is to replace it never both go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

START_TOKEN = "METAFLOW_NORTHFLANK_START"  # noqa: S105  of a start, not of an account
"""The variable with which a container knows its start."""

_LAST_START = "northflank_start"
_EXIT = "northflank_exit"
_OK = "_task_ok"


class Arrival(str, Enum):
    """How far the container of a start has come."""

    ANNOUNCED = "announced"
    """It is about to read whether it may execute the task."""
    EXECUTING = "executing"
    DECLINED = "declined"
    """It has seen a later start, and executes nothing."""


@dataclass(frozen=True, kw_only=True)
class ContainerExit:
    """How the step's process ended in its container."""

    code: int
    reason: str = ""
    """Why the container ended it, if the container did."""


class AttemptRecord:
    """The records of one attempt of one task. Needs Metaflow's datastore of the task, opened for writing."""

    def __init__(self, flow_datastore: Any, pathspec: str, attempt: int) -> None:
        self._flow_datastore = flow_datastore
        self._place = tuple(pathspec.split("/")[-3:])
        self._attempt = attempt
        self._task = flow_datastore.get_task_datastore(*self._place, attempt=attempt, mode="w")

    @property
    def task(self) -> Any:
        """Metaflow's datastore of the attempt, for writing."""
        return self._task

    def record_start(self, token: str) -> None:
        """Record the token of the next request to start."""
        self._save(_LAST_START, {"token": token})

    def last_start(self) -> str | None:
        """Return the token that was recorded last."""
        found = self._load(_LAST_START)
        return None if found is None else str(found["token"])

    def record_arrival(self, token: str, arrival: Arrival) -> None:
        """Record how far the container of a start has come."""
        self._save(_arrival(token), {"arrival": arrival.value})

    def arrival(self, token: str) -> Arrival | None:
        """Return how far the container of a start has come; None if it has not announced itself."""
        found = self._load(_arrival(token))
        return None if found is None else Arrival(found["arrival"])

    def record_exit(self, ended: ContainerExit) -> None:
        """Record how the step's process ended."""
        self._save(_EXIT, {"code": ended.code, "reason": ended.reason})

    def exit(self) -> ContainerExit | None:
        """Return how the step's process ended; None if its container has not recorded it."""
        found = self._load(_EXIT)
        if found is None:
            return None
        return ContainerExit(code=int(found["code"]), reason=str(found["reason"]))

    def is_done(self) -> bool:
        """Return whether Metaflow has completed the attempt, well or not."""
        return bool(self._task.has_metadata(self._task.METADATA_DONE_SUFFIX))

    def succeeded(self) -> bool:
        """Return whether Metaflow has completed the attempt well."""
        if not self.is_done():
            return False
        # By now the attempt has data, and the datastore can be opened for reading.
        task = self._flow_datastore.get_task_datastore(
            *self._place, attempt=self._attempt, mode="r", allow_not_done=True
        )
        return bool(task.get(_OK))

    def _save(self, name: str, content: Mapping[str, Any]) -> None:
        self._task.save_metadata({name: content})

    def _load(self, name: str) -> dict[str, Any] | None:
        storage = self._flow_datastore._storage_impl  # noqa: SLF001  reading a record needs a task that is done
        path = storage.path_join(
            self._flow_datastore.flow_name,
            *self._place,
            self._task.metadata_name_for_attempt(name, self._attempt),
        )
        return load_json(storage, path)


def _arrival(token: str) -> str:
    return f"northflank_arrival-{token}"


def load_json(storage: Any, path: str) -> dict[str, Any] | None:
    """Return the JSON object at *path* of a datastore; None if there is none."""
    with storage.load_bytes([path]) as loaded:
        for _, file, _ in loaded:
            if file is None:
                return None
            with open(file, "rb") as content:  # noqa: PTH123  pathlib is slow to import
                found = json.load(content)
            return found if isinstance(found, dict) else None
    return None
