"""The settings METAFLOW_NORTHFLANK_…: from the environment or Metaflow's configuration files, as Metaflow's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from metaflow_northflank.errors import InvalidSetting

T = TypeVar("T")


class Orphans(str, Enum):
    """What becomes of containers whose run has ended before them."""

    STOP = "stop"
    FINISH = "finish"
    """They go on, so that `resume` finds what they have done."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What can be set for `run --with northflank`; the token is none of it."""

    project: str | None = None
    team: str | None = None
    image: str | None = None
    plan: str | None = None
    gpu_type: str | None = None
    max_containers: int = 100
    orphans: Orphans = Orphans.STOP
    lost_after_seconds: float = 20.0
    """After how long without a sign of life a container takes its run for lost."""
    run_locally: bool = False
    """Whether steps with @northflank run on this machine, as without the decorator."""


def read() -> tuple[Settings, tuple[InvalidSetting, ...]]:
    """Return the settings, and what is wrong with those that are left at their defaults."""
    refused: list[InvalidSetting] = []

    def converted(name: str, convert: Callable[[str], T], default: T, wanted: str) -> T:
        text = _value(name)
        if text is None:
            return default
        try:
            return convert(text)
        except ValueError:
            refused.append(InvalidSetting(f"METAFLOW_NORTHFLANK_{name}", text, wanted))
            return default

    settings = Settings(
        project=_value("PROJECT"),
        team=_value("TEAM"),
        image=_value("IMAGE"),
        plan=_value("PLAN"),
        gpu_type=_value("GPU_TYPE"),
        max_containers=converted("MAX_CONTAINERS", _count, 100, "a whole number above 0"),
        orphans=converted("ORPHANS", _orphans, Orphans.STOP, "`stop` or `finish`"),
        lost_after_seconds=converted(
            "LOST_AFTER_SECONDS", _seconds, 20.0, "a number of at least 10"
        ),
        run_locally=converted("RUN_LOCALLY", _flag, default=False, wanted="0 or 1"),
    )
    return settings, tuple(refused)


def _value(name: str) -> str | None:
    from metaflow.metaflow_config_funcs import from_conf

    value = from_conf(f"NORTHFLANK_{name}")
    return str(value).strip() or None if value is not None else None


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError
    return number


def _orphans(text: str) -> Orphans:
    return Orphans(text.lower())


_SHORTEST_SECONDS = 10
"""Less than two signs of life: a busy machine would lose its containers."""


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds < _SHORTEST_SECONDS:
        raise ValueError
    return seconds


def _flag(text: str) -> bool:
    if text.lower() in {"1", "true", "yes"}:
        return True
    if text.lower() in {"0", "false", "no"}:
        return False
    raise ValueError
