"""What is assumed of Northflank, and what a probe has found out about it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

README = Path(__file__).parents[2] / "northflank" / "README.md"
_CHOICE = re.compile(
    r"^\| `(?P<name>[a-z-]+)` \| (?P<question>.+?) \| (?P<answer>.+?) \| (?P<other>.*?)\|$"
)

RELIED_ON = {
    "put": "a job whose settings have changed is put again",
    "busy-job": "jobs that are left behind are deleted, whatever runs in them",
}
"""The choices that do harm if the live API chooses otherwise; with every other answer the worker can live."""


class Outcome(str, Enum):
    """What a probe found."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    NOT_TRIED = "could not be tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that is assumed of Northflank; *relied_on* says what in the worker needs it, if something does."""

    name: str
    question: str
    assumed: str
    relied_on: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the API did, or why that could not be seen."""

    outcome: Outcome
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fact, and the verdict on it."""

    fact: Fact
    verdict: Verdict

    @property
    def is_harmful(self) -> bool:
        """Whether the worker relies on a fact that is refuted."""
        return bool(self.fact.relied_on) and self.verdict.outcome is Outcome.REFUTED


def judged(is_so: bool, seen: str) -> Verdict:
    """Return the verdict on a fact that is so or is not."""
    return Verdict(outcome=Outcome.CONFIRMED if is_so else Outcome.REFUTED, seen=seen)


def not_tried(why: str) -> Verdict:
    """Return the verdict on a fact that could not be tried."""
    return Verdict(outcome=Outcome.NOT_TRIED, seen=why)


def choices(readme: str) -> Mapping[str, Fact]:
    """Return the emulator's choices, as the table in *readme* lists them, by their names."""
    found = (_CHOICE.match(line) for line in readme.splitlines())
    return {
        it["name"]: Fact(
            name=it["name"],
            question=it["question"],
            assumed=it["answer"],
            relied_on=RELIED_ON.get(it["name"], ""),
        )
        for it in found
        if it is not None
    }


CHOICES = choices(README.read_text(encoding="utf-8"))
