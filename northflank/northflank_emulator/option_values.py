"""How the values of options are read; an invalid one is kept until all have been read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=Enum)

_NAME = re.compile(r"[a-zA-Z](?:[- ]?[a-zA-Z0-9]+)*")
_SLUG = re.compile(r"[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(=.*)?", re.DOTALL)
_TOKEN = re.compile(r"[!-~]+")
_SHORTEST, _LONGEST = 3, 52


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidValue:
    """A value that an option does not accept, and what it accepts instead."""

    text: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader(Generic[Value]):
    """Reads one value for `argparse`, which itself would end the process at the first invalid one."""

    read: Callable[[str], Value]
    expected: str

    def __call__(self, text: str) -> Value | InvalidValue:
        """Return the value of *text*, or why it is invalid."""
        try:
            return self.read(text)
        except ValueError:
            return InvalidValue(text=text, problem=f"expected {self.expected}")


def whole(minimum: int, maximum: int) -> Reader[int]:
    """Return a reader of whole numbers."""

    def read(text: str) -> int:
        value = int(text)
        if not minimum <= value <= maximum:
            raise ValueError
        return value

    return Reader(read=read, expected=f"a whole number from {minimum} to {maximum}")


def seconds(maximum: float) -> Reader[float]:
    """Return a reader of durations in seconds."""

    def read(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and 0 <= value <= maximum):
            raise ValueError
        return value

    return Reader(read=read, expected=f"seconds from 0 to {maximum:g}")


def one_of(choices: type[Choice]) -> Reader[Choice]:
    """Return a reader of the members of an enum, by their values."""
    names = ", ".join(str(it.value) for it in choices)
    return Reader(read=choices, expected=f"one of {names}")


def _matching(pattern: re.Pattern[str], shortest: int, longest: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not (shortest <= len(text) <= longest and pattern.fullmatch(text)):
            raise ValueError
        return text

    return read


NAME = Reader(
    read=_matching(_NAME, _SHORTEST, _LONGEST),
    expected=f"{_SHORTEST} to {_LONGEST} letters and digits with single hyphens or spaces between "
    "them, a letter first",
)
SLUG = Reader(
    read=_matching(_SLUG, _SHORTEST, 100),
    expected="3 to 100 letters and digits with single hyphens between them",
)
TEAM = Reader(
    read=_matching(_SLUG, 1, 100),
    expected="letters and digits with single hyphens between them",
)
HOST = Reader(
    read=_matching(_TOKEN, 1, 1000),
    expected="a name or an address of this machine; leave it out for 127.0.0.1",
)
TOKEN = Reader(
    read=_matching(_TOKEN, 1, 1000),
    expected="letters, digits and punctuation, nothing else; leave it out for a random one",
)
VARIABLE = Reader(
    read=_matching(_VARIABLE, 1, 1_000_000),
    expected="NAME or NAME=VALUE, NAME of letters, digits and _",
)
