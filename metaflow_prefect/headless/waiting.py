"""Waits until something is true; knows no part of the stack."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def wait_until(
    look: Callable[[], Answer],
    *,
    seconds: float,
    every: float,
    enough: Callable[[Answer], bool] = bool,
) -> Answer:
    """Call *look* until its answer is *enough*, for at most *seconds*; return its last answer."""
    deadline = time.monotonic() + seconds
    while not enough(answer := look()) and time.monotonic() < deadline:
        time.sleep(every)
    return answer
