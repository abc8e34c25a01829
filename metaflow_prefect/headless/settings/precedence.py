"""Which value of a setting wins: the environment over `.env`, then Prefect's name over ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from metaflow_prefect.headless.settings.variables import VARIABLES, Variable

MASK = "********"


class Origin(str, Enum):
    """Where a value came from; the order is the order of precedence."""

    ENVIRONMENT = "environment"
    DOTENV = ".env"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """The text of a setting, and the name and place it was read from."""

    text: str | None
    origin: Origin
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the user said: the process environment and the `.env` file, in this order.

    An empty value counts as not set, as in a compose file's `${X:-}`.
    """

    environ: Mapping[str, str]
    dotenv: Mapping[str, str]

    def value(self, variable: Variable) -> Value:
        """The value that wins for *variable*."""
        given = self._given(variable)
        if given:
            return given[0]
        return Value(text=variable.default, origin=Origin.DEFAULT, name=variable.name)

    def is_set(self, name: str) -> bool:
        """Whether the user gave *name* a value, in either place."""
        return bool(self.environ.get(name) or self.dotenv.get(name))

    def get(self, name: str) -> str | None:
        """The value of one exact *name*, None if not set."""
        return self.environ.get(name) or self.dotenv.get(name) or None

    def merged(self) -> dict[str, str]:
        """One mapping of both places, without empty values."""
        both = {**self.dotenv, **{name: text for name, text in self.environ.items() if text}}
        return {name: text for name, text in both.items() if text}

    def contradictions(self) -> tuple[str, ...]:
        """A sentence for each value that loses against another name of the same setting."""
        return tuple(sentence for variable in VARIABLES for sentence in self._lost_values(variable))

    def _lost_values(self, variable: Variable) -> list[str]:
        given = self._given(variable)
        return [
            f"{_shown(variable, lost)} is ignored: {_shown(variable, given[0])} wins"
            for lost in given[1:]
            if lost.name != given[0].name and lost.text != given[0].text
        ]

    def _given(self, variable: Variable) -> list[Value]:
        places = ((Origin.ENVIRONMENT, self.environ), (Origin.DOTENV, self.dotenv))
        return [
            Value(text=place[name], origin=origin, name=name)
            for origin, place in places
            for name in variable.names
            if place.get(name)
        ]


def _shown(variable: Variable, value: Value) -> str:
    text = MASK if variable.secret else value.text
    return f"{value.name}={text} ({value.origin.value})"
