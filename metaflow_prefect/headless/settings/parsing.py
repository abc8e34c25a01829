"""How the text of a setting becomes a value, all complaints in one pass."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TypeVar

from metaflow_prefect.headless.settings.precedence import Sources, Value
from metaflow_prefect.headless.settings.variables import BY_NAME

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
HIGHEST_PORT = 65535

Choice = TypeVar("Choice", bound=Enum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads settings from *sources*; what cannot be read is collected in *problems*.

    They map the variable to the sentence about it.
    """

    sources: Sources
    problems: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> Value:
        """The winning value of the variable *name*."""
        return self.sources.value(BY_NAME[name])

    def text(self, name: str) -> str:
        """A value that always exists, because the variable has a default."""
        return self.value(name).text or ""

    def optional(self, name: str) -> str | None:
        """A value that may be missing."""
        return self.value(name).text

    def flag(self, name: str) -> bool:
        """Yes or no in the spellings Prefect accepts."""
        value = self.value(name)
        text = (value.text or "0").strip().lower()
        if text not in TRUE | FALSE:
            self._refuse(value, "is neither yes (1, true, on) nor no (0, false, off)")
        return text in TRUE

    def number(self, name: str, *, least: float, most: float | None = None) -> float:
        """A number of at least *least*; `problems` gets a sentence if it is none."""
        value = self.value(name)
        try:
            number = float(value.text or "")
        except ValueError:
            self._refuse(value, "is not a number")
            return least
        if not math.isfinite(number) or number < least or (most is not None and number > most):
            limits = f"at least {least:g}" if most is None else f"{least:g} to {most:g}"
            self._refuse(value, f"is out of range (allowed: {limits})")
            return least
        return number

    def whole(self, name: str, *, least: int, most: int | None = None) -> int:
        """A whole number, with the same limits as `number`."""
        number = self.number(name, least=least, most=most)
        if number != int(number):
            self._refuse(self.value(name), "is not a whole number")
        return int(number)

    def port(self, name: str, *, least: int = 1) -> int:
        """A TCP port; *least* is 0 where 0 stands for "any free one"."""
        return self.whole(name, least=least, most=HIGHEST_PORT)

    def choice(self, name: str, kind: type[Choice]) -> Choice:
        """One of a closed set."""
        value = self.value(name)
        text = (value.text or "").strip().lower()
        members = {str(member.value): member for member in kind}
        if text not in members:
            self._refuse(value, f"is not one of {', '.join(sorted(members))}")
            return next(iter(kind))
        return members[text]

    def mapping(self, name: str) -> dict[str, object]:
        """A JSON object, empty if not set."""
        value = self.value(name)
        try:
            found = json.loads(value.text or "{}")
        except json.JSONDecodeError as error:
            self._refuse(value, f"is not JSON ({error})")
            return {}
        if not isinstance(found, dict):
            self._refuse(value, "is not a JSON object")
            return {}
        return found

    def path(self, name: str, default: Path) -> Path:
        """A path with `~` expanded, absolute."""
        text = self.optional(name)
        return Path(text).expanduser().absolute() if text else default

    def _refuse(self, value: Value, why: str) -> None:
        self.problems[value.name] = f"{value.name}={value.text} ({value.origin.value}) {why}"
