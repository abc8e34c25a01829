"""Containers with a scripted outcome, for tests that need no process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tomli

from northflank_emulator.execution.container import ContainerSpec, Exit, Sink, Usage
from northflank_emulator.fields.schema import Flag, Integer, ListOf, Number, ObjectRule, Text, check
from northflank_emulator.state.clock import Clock
from northflank_emulator.state.log_store import WrittenLine
from northflank_emulator.state.models import Stream

_TERMINATED = 143
_KILLED = 137
_LONGEST_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of containers of jobs whose id matches *job*.

    Args:
        exit_codes: one per container, in order; the last one repeats.
        seconds: how long a container runs.
        lines: what it writes to its standard output.
        stubborn: whether it ignores SIGTERM.
    """

    job: str = "*"
    exit_codes: tuple[int, ...] = (0,)
    seconds: float = 0.0
    lines: tuple[str, ...] = ()
    stubborn: bool = False


_FIELDS = ObjectRule(
    fields={
        "job": Text(minimum=1),
        "exit_codes": ListOf(item=Integer(minimum=0, maximum=255)),
        "seconds": Number(minimum=0, maximum=_LONGEST_SECONDS),
        "lines": ListOf(item=Text()),
        "stubborn": Flag(),
    }
)


class InvalidScript(Exception):
    """The script cannot be read, or has a wrong field."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}. Each [[outcome]] has {', '.join(_FIELDS.fields)}.")


def read_outcomes(path: Path) -> list[Outcome]:
    """Read the outcomes of a TOML file: a list of tables `[[outcome]]`.

    Raises:
        InvalidScript: the file cannot be read, or has a wrong field.
    """
    try:
        entries = tomli.loads(path.read_text(encoding="utf-8")).get("outcome", [])
    except (OSError, ValueError) as error:
        raise InvalidScript(path, f"it cannot be read ({error})") from error
    problems = list(check(ListOf(item=_FIELDS), entries))
    if problems:
        raise InvalidScript(path, f"{problems[0].path} {problems[0].message}")
    return [_outcome(entry) for entry in entries]


def _outcome(entry: Mapping[str, Any]) -> Outcome:
    lists = {name: tuple(value) for name, value in entry.items() if isinstance(value, list)}
    return Outcome(**{**entry, **lists})


@dataclass(slots=True)
class _Count:
    started: dict[str, int] = field(default_factory=dict)

    def next(self, job: str) -> int:
        number = self.started.get(job, 0)
        self.started[job] = number + 1
        return number


class ScriptedExecutor:
    """Replays outcomes: for each job, the first one that matches its id."""

    def __init__(self, outcomes: Iterable[Outcome], clock: Clock) -> None:
        self._outcomes = (*outcomes, Outcome())
        self._clock = clock
        self._count = _Count()

    async def start(self, spec: ContainerSpec, sink: Sink) -> ScriptedContainer:
        """Start the outcome of this job."""
        outcome = next(it for it in self._outcomes if fnmatchcase(spec.job, it.job))
        number = min(self._count.next(spec.job), len(outcome.exit_codes) - 1)
        now = self._clock.now()
        sink([WrittenLine(at=now, stream=Stream.STDOUT, text=line) for line in outcome.lines])
        return ScriptedContainer(outcome, outcome.exit_codes[number])

    def usage(self) -> Mapping[str, Usage]:
        """Return no usage."""
        return {}

    def close(self) -> None:
        """Do nothing: there is nothing to clean up."""


class ScriptedContainer:
    """A container that ends after a time, without a process."""

    def __init__(self, outcome: Outcome, exit_code: int) -> None:
        self._stubborn = outcome.stubborn
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(outcome.seconds, self._end, exit_code)

    async def wait(self) -> Exit:
        """Wait for its end."""
        code = await asyncio.shield(self._exit)
        return Exit(code=code, reason="Error" if code else "Completed")

    def terminate(self) -> None:
        """End with 143, unless it is stubborn."""
        if not self._stubborn:
            self._end(_TERMINATED)

    def kill(self) -> None:
        """End with 137."""
        self._end(_KILLED)

    def _end(self, code: int) -> None:
        if not self._exit.done():
            self._exit.set_result(code)
