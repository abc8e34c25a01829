"""The emulator's choices, turned the other way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from northflank_emulator.choices import Choices

SWITCHES = tuple(it.name for it in fields(Choices))


def turned(names: Iterable[str]) -> Choices:
    """Return choices of which those with these *names* have the other answer."""
    defaults = Choices()
    others: dict[str, Any] = {}
    for name in names:
        *_, others[name] = type(getattr(defaults, name))
    return Choices(**others)
