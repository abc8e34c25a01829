"""Ends a worker on SIGTERM where SIGINT was ignored when its process started.

`prefect worker start` forwards SIGTERM to itself as SIGINT. A shell lets programs that it starts with `&` in a script
ignore SIGINT, and the forwarded signal does nothing.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGINT_IS_IGNORED = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""The state in which the process was started: Prefect imports this module before it sets its own handlers."""


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Cancel the calling task at the first SIGTERM, as SIGINT would if it were not ignored."""
    prefects = signal.getsignal(signal.SIGTERM)
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not (_SIGINT_IS_IGNORED and in_main_thread and callable(prefects) and task):
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        # It also makes the second SIGTERM kill.
        prefects(number, frame)
        loop.call_soon_threadsafe(task.cancel)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, prefects)
