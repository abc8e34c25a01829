"""Waits for what should happen, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(look: Callable[[], T], what: str, *, seconds: float = 120, every: float = 0.1) -> T:
    """Return the first true answer of *look*; fail after some *seconds*, naming *what* did not happen."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        if time.monotonic() > deadline:
            message = f"waited {seconds:.0f} s in vain until {what}"
            raise AssertionError(message)
        time.sleep(every)
    return answer
