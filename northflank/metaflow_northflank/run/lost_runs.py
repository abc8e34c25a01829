"""Which of a flow's runs are lost: their signs of life say so, watched for as long as each of them asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from metaflow_northflank.heartbeat import INTERVAL_SECONDS, Heartbeat, Life, LifeWatch, Sign


def last_sign(flow_datastore: Any, run_id: str) -> Sign | None:
    """Return the last sign of life of a run of the flow; None if it gave none, or its datastore is another one."""
    return Heartbeat(flow_datastore, run_id).last()


def lost_runs(
    last: Callable[[str], Sign | None],
    run_ids: Iterable[str],
    *,
    wait: Callable[[float], bool],
    trusts_clocks: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Sign]:
    """Return the lost runs among *run_ids* with their last signs. *wait* waits, and returns whether to stop.

    A run that has given no sign, or whose signs cannot be read, may be anything. With *trusts_clocks*, one whose last
    sign seems recent is not watched: a wrong clock may then hide a lost run, but never have a living one taken for lost.
    """
    watches = {}
    for run_id in set(run_ids):
        look = partial(last, run_id)
        sign = _first(look)
        if sign is not None and not (trusts_clocks and sign.seems_recent(time.time())):
            watches[run_id] = LifeWatch(look, sign.lost_after + INTERVAL_SECONDS, clock)
    lost: dict[str, Sign] = {}
    while watches:
        for run_id, watch in list(watches.items()):
            life = watch.look()
            if life is not Life.SILENT:
                del watches[run_id]
            if life is Life.LOST and watch.sign is not None:
                lost[run_id] = watch.sign
        if watches and wait(INTERVAL_SECONDS):
            break
    return lost


def _first(look: Callable[[], Sign | None]) -> Sign | None:
    try:
        return look()
    except Exception:  # noqa: BLE001  storage clients raise anything
        return None
