"""The settings of an emulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from northflank_emulator.choices import Choices
from northflank_emulator.state.permissions import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much the emulator keeps; it drops the oldest beyond a limit, and refuses further jobs."""

    jobs_per_project: int = 2000
    runs_per_job: int = 1000
    log_characters_per_run: int = 10_000_000
    recorded_requests: int = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Durations, in seconds."""

    image_pull: float = 0.0
    retry: float = 1.0
    build: float = 2.0
    shutdown_grace: float = 5.0
    """A stopping emulator waits less than a job's own grace period."""
    webhook_retry: float = 1.0
    log_tail: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set for an emulator.

    Without `teams` it accepts every team id; all teams see the same projects.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tokens: Mapping[str, Role] = field(default_factory=dict)
    projects: tuple[str, ...] = ("demo",)
    teams: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    build_services: tuple[str, ...] = ()
    state_dir: Path | None = None
    images: Path | None = None
    image_environment: Mapping[str, str] = field(default_factory=dict)
    rate_limit: int | None = 1000
    memory_limits: bool = True
    seed: int | None = None
    choices: Choices = field(default_factory=Choices)
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
