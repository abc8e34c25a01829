"""Which value of a variable wins: the environment over `.env`, then Prefect's name over the stack's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

MASK = "********"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable that the stack reads.

    `native` are Prefect's own names for it, the one that wins first; they contain `name` itself
    where Prefect has a setting of that name.
    """

    name: str
    meaning: str
    native: tuple[str, ...] = ()
    default: str | None = None
    default_is: str = ""
    secret: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All names in the order in which they win within one source."""
        return (*self.native, *(() if self.name in self.native else (self.name,)))


class ValueSource(str, Enum):
    """Where a value came from; the order is the order of precedence."""

    ENVIRONMENT = "environment"
    DOTENV = ".env"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """The text of a variable, and the name and the source it was read from."""

    variable: Variable
    text: str | None
    source: ValueSource
    name: str

    def __str__(self) -> str:
        text = MASK if self.variable.secret else self.text
        return f"{self.name}={text} ({self.source.value})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the user set: the process environment and the `.env` file, in this order.

    An empty value counts as not set, as in a compose file's `${X:-}`.
    """

    environ: Mapping[str, str]
    dotenv: Mapping[str, str]

    def value(self, variable: Variable) -> Value:
        """Return the value that wins for *variable*."""
        default = Value(
            variable=variable,
            text=variable.default,
            source=ValueSource.DEFAULT,
            name=variable.name,
        )
        return next(iter(self.given(variable)), default)

    def given(self, variable: Variable) -> list[Value]:
        """Return every value the user gave *variable*, the one that wins first."""
        places = ((ValueSource.ENVIRONMENT, self.environ), (ValueSource.DOTENV, self.dotenv))
        return [
            Value(variable=variable, text=place[name], source=source, name=name)
            for source, place in places
            for name in variable.names
            if place.get(name)
        ]

    def is_set(self, name: str) -> bool:
        """Return whether the user gave *name* a value, in either source."""
        return self.get(name) is not None

    def get(self, name: str) -> str | None:
        """Return the value of one exact *name*, None if it is not set."""
        return self.environ.get(name) or self.dotenv.get(name) or None

    def merged(self) -> dict[str, str]:
        """Return one mapping of both sources, without empty values."""
        both = {**self.dotenv, **{name: text for name, text in self.environ.items() if text}}
        return {name: text for name, text in both.items() if text}
