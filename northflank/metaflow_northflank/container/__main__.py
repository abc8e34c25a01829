"""The container's first process once Metaflow is there: may it execute the task, execute it, record how it ended."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from metaflow_northflank.attempt import START_TOKEN, Arrival, AttemptRecord, ContainerExit
from metaflow_northflank.container import local_metadata
from metaflow_northflank.container.step_process import StepProcess
from metaflow_northflank.container.variables import STEP_SCRIPT
from metaflow_northflank.heartbeat import INTERVAL_SECONDS, LOST_AFTER, Heartbeat, Life, LifeWatch

T = TypeVar("T")

_TRIES = 6
_ENDED_BY_CONTAINER = 1
"""The exit code of a step that the container has ended, or not begun: may be retried."""

_RUN_IS_LOST = "its run gave no sign of life: it was killed, or its machine sleeps"
_BETWEEN_LOOKS_SECONDS = 1.0
"""On arrival: another sign may come any moment, and the step waits for it."""


def main() -> int:
    """Execute the step, unless a later start has replaced this container's."""
    store = _flow_datastore()
    pathspec, attempt = os.environ["MF_PATHSPEC"], int(os.environ["MF_ATTEMPT"])
    record = AttemptRecord(store, pathspec, attempt)
    if not may_execute(record, os.environ[START_TOKEN]):
        print("Nothing is executed: this task was started again meanwhile.", flush=True)  # noqa: T201  the log
        return 0
    watch = _life_watch(store, pathspec.split("/")[1])
    if watch is not None and not is_expected(watch):
        print("Nothing is executed: the run of this task is gone.", flush=True)  # noqa: T201  the log
        unwanted = ContainerExit(code=_ENDED_BY_CONTAINER, reason=_RUN_IS_LOST)
        patiently(lambda: record.record_exit(unwanted))
        return unwanted.code
    _register_what_is_known()
    ended = _executed(watch)
    _save_logs()
    if os.environ.get("METAFLOW_DEFAULT_METADATA") == "local":
        patiently(lambda: _send_metadata_home(record))
    patiently(lambda: record.record_exit(ended))
    return ended.code


def may_execute(record: AttemptRecord, token: str) -> bool:
    """Return whether no later start than that with *token* has been recorded."""
    patiently(lambda: record.record_arrival(token, Arrival.ANNOUNCED))
    is_last = patiently(record.last_start) == token
    patiently(
        lambda: record.record_arrival(token, Arrival.EXECUTING if is_last else Arrival.DECLINED)
    )
    return is_last


def is_expected(watch: LifeWatch) -> bool:
    """Return whether the run is still there: this container may have waited for a machine for longer than it lived."""
    while (life := watch.look()) is Life.SILENT:
        if watch.sign is not None and watch.sign.seems_recent(time.time()):
            return True
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    return life is not Life.LOST


def _executed(watch: LifeWatch | None) -> ContainerExit:
    """Execute the step until it ends, this container is to end, or the run is lost."""
    reason = ""
    next_look = time.monotonic() + INTERVAL_SECONDS
    step = StepProcess(os.environ[STEP_SCRIPT])

    def on_sigterm(_: int, __: FrameType | None) -> None:
        nonlocal reason
        reason = reason or "the container was asked to end: its job run was aborted or evicted"
        step.terminate()

    def look() -> None:
        nonlocal reason, next_look
        if watch is None or time.monotonic() < next_look:
            return
        if watch.look() is Life.LOST:
            reason = reason or _RUN_IS_LOST
            step.terminate()
        next_look = time.monotonic() + INTERVAL_SECONDS

    signal.signal(signal.SIGTERM, on_sigterm)
    code = step.wait(look)
    # A step that has ended well in spite of SIGTERM has ended well.
    return ContainerExit(
        code=_ENDED_BY_CONTAINER if reason and code else code, reason=reason if code else ""
    )


def _register_what_is_known() -> None:
    objects = os.environ.pop(local_metadata.OBJECTS, None)
    if objects:
        from metaflow.metaflow_config import DATASTORE_LOCAL_DIR

        local_metadata.write(DATASTORE_LOCAL_DIR, json.loads(objects))


def _life_watch(store: Any, run_id: str) -> LifeWatch | None:
    lost_after = os.environ.get(LOST_AFTER)
    if not lost_after:
        return None
    return LifeWatch(Heartbeat(store, run_id).last, float(lost_after))


def _flow_datastore() -> Any:
    from metaflow.datastore import FlowDataStore
    from metaflow.plugins import DATASTORES

    storage = next(it for it in DATASTORES if os.environ["MF_DATASTORE"] == it.TYPE)
    root = storage.get_datastore_root_from_config(lambda *_, **__: None)
    flow_name = os.environ["MF_PATHSPEC"].split("/")[0]
    return FlowDataStore(flow_name, None, storage_impl=storage, ds_root=root)


def _send_metadata_home(record: AttemptRecord) -> None:
    """Put metadata in files where the run fetches it, also of a step that had no time to do so itself."""
    from metaflow.metadata_provider.util import sync_local_metadata_to_datastore
    from metaflow.metaflow_config import DATASTORE_LOCAL_DIR

    sync_local_metadata_to_datastore(DATASTORE_LOCAL_DIR, record.task)


def _save_logs() -> None:
    from metaflow.mflog.save_logs import save_logs

    save_logs()


def patiently(act: Callable[[], T]) -> T:
    """Return what *act* returns; try again while the datastore fails.

    Raises:
        Exception: that of the last try.
    """
    for number in range(1, _TRIES):
        try:
            return act()
        except Exception as error:  # noqa: BLE001  storage clients raise anything
            print(f"The datastore does not answer: {error!r}", flush=True)  # noqa: T201  the container's log
        time.sleep(min(2.0**number, 20.0))
    return act()


if __name__ == "__main__":
    sys.exit(main())
