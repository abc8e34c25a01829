"""Checks JSON values against rules that are data. Knows no field of the API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pydantic import JsonValue

Json: TypeAlias = JsonValue
"""Any JSON value; pydantic's type, because pydantic stores values that contain it."""
JsonObject: TypeAlias = dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one field."""

    path: str
    message: str


class Rule(Protocol):
    """A rule for a value."""

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Yield every problem of *value*, which is at *path*."""
        ...


def check(rule: Rule, value: object) -> Iterator[Problem]:
    """Yield every problem of a whole body, field by field."""
    return rule.problems(value, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string of *minimum* to *maximum* characters that *pattern* matches as a whole."""

    minimum: int = 0
    maximum: int | None = None
    pattern: re.Pattern[str] | None = None

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Check type, length and pattern, up to the first problem."""
        if not isinstance(value, str):
            yield _problem(path, "must be a string")
        elif len(value) < self.minimum:
            yield _problem(path, f"must have at least {self.minimum} characters")
        elif self.maximum is not None and len(value) > self.maximum:
            yield _problem(path, f"must have at most {self.maximum} characters")
        elif self.pattern is not None and not self.pattern.fullmatch(value):
            yield _problem(path, f"must match {self.pattern.pattern}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number within its limits."""

    minimum: int | None = None
    maximum: int | None = None

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Check the type and the limits."""
        if isinstance(value, bool) or not isinstance(value, int):
            yield _problem(path, "must be a whole number")
        elif self.minimum is not None and value < self.minimum:
            yield _problem(path, f"must be at least {self.minimum}")
        elif self.maximum is not None and value > self.maximum:
            yield _problem(path, f"must be at most {self.maximum}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number within its limits."""

    minimum: float
    maximum: float

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Check the type and the limits; NaN is within none."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield _problem(path, "must be a number")
        elif not self.minimum <= value <= self.maximum:
            yield _problem(path, f"must be from {self.minimum:g} to {self.maximum:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """true or false."""

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Check the type."""
        if not isinstance(value, bool):
            yield _problem(path, "must be true or false")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """One of a closed set of values."""

    values: tuple[str | int, ...]

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Check that it is in the set; true does not count as 1."""
        if isinstance(value, bool) or value not in self.values:
            yield _problem(path, f"must be one of {', '.join(map(str, self.values))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A list whose items all follow one rule."""

    item: Rule

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Check every item."""
        if not isinstance(value, list):
            yield _problem(path, "must be a list")
            return
        for index, item in enumerate(value):
            yield from self.item.problems(item, f"{path}[{index}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf:
    """An object with arbitrary keys."""

    key: Text
    value: Rule

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Check every key and value."""
        if not isinstance(value, dict):
            yield _problem(path, "must be an object")
            return
        for key, item in value.items():
            inner = _join(path, str(key))
            for problem in self.key.problems(key, inner):
                yield _problem(problem.path, f"the name {problem.message}")
            yield from self.value.problems(item, inner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nullable:
    """null, or a value that follows *rule*."""

    rule: Rule

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Check a value that is not null."""
        if value is not None:
            yield from self.rule.problems(value, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class EitherOf:
    """A value that follows at least one of *rules*."""

    rules: tuple[Rule, ...]

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Yield nothing if a rule finds no problem, else the first problem of each rule."""
        found = [list(rule.problems(value, path)) for rule in self.rules]
        if all(found):
            yield _problem(path, " or ".join(problems[0].message for problems in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Anything:
    """Any JSON value: the API's documentation does not say more."""

    def problems(self, value: object, path: str) -> Iterator[Problem]:  # noqa: ARG002  the signature of a rule
        """Yield nothing."""
        yield from ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """If *field* has *value*, the *required* fields must be there."""

    field: str
    value: str
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRule:
    """An object with known fields only.

    `together` has groups of fields of which at most one may be given; `needs` has fields that the value
    of another field requires.
    """

    fields: Mapping[str, Rule]
    required: frozenset[str] = frozenset()
    together: tuple[tuple[str, ...], ...] = ()
    needs: tuple[Needs, ...] = ()

    def problems(self, value: object, path: str) -> Iterator[Problem]:
        """Check every field, missing fields, and fields that exclude each other."""
        if not isinstance(value, dict):
            yield _problem(path, "must be an object")
            return
        for name, item in value.items():
            if name in self.fields:
                yield from self.fields[name].problems(item, _join(path, name))
            else:
                yield _problem(_join(path, str(name)), "is not a known field")
        for name in sorted(self.required - value.keys()):
            yield _problem(_join(path, name), "is required")
        for group in self.together:
            given = [name for name in group if name in value]
            if len(given) > 1:
                yield _problem(path, f"takes only one of {', '.join(given)}")
        yield from self._missing(value, path)

    def _missing(self, value: Mapping[str, object], path: str) -> Iterator[Problem]:
        for need in self.needs:
            if value.get(need.field) == need.value:
                for name in need.required:
                    if name not in value:
                        yield _problem(
                            _join(path, name), f"is required when {need.field} is {need.value}"
                        )


def partial(record: ObjectRule) -> ObjectRule:
    """Return a rule with the same fields, none of them required, for partial updates."""
    return ObjectRule(fields=record.fields, together=record.together, needs=record.needs)


def _problem(path: str, message: str) -> Problem:
    return Problem(path=path or "body", message=message)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
