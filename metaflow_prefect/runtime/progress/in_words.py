"""Durations and counts of tasks as text for people; pure."""

from __future__ import annotations

from metaflow_prefect.runtime.progress.model import StepProgress


def duration(seconds: float) -> str:
    """Return a duration in the units that people use.

    >>> duration(7.44), duration(75), duration(3 * 3600 + 62)
    ('7.4s', '1m 15s', '3h 01m')
    """
    if seconds < 60:  # noqa: PLR2004  seconds of a minute
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:  # noqa: PLR2004  minutes of an hour
        return f"{minutes}m {rest:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"


def counts(step: StepProgress) -> str:
    """Return how many of a step's tasks are running, failed, retried and reused, in words."""
    parts = [
        f"{number} {word}"
        for number, word in (
            (step.running, "running"),
            (step.failed, "failed"),
            (step.retried, "retried"),
            (step.reused, "reused"),
        )
        if number
    ]
    return ", ".join(parts)
