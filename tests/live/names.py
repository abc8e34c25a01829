"""The names of everything that a run of the verification creates; pure."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

_OURS = re.compile(r"\bverify-live-[0-9a-f]{6}(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class RunNames:
    """Names that begin with a prefix of this run's own."""

    prefix: str

    def of(self, subject: str) -> str:
        """Return the name of something that this run creates."""
        return f"{self.prefix}-{subject}"


def new_names() -> RunNames:
    """Return the names of a new run."""
    return RunNames(f"verify-live-{secrets.token_hex(3)}")


def is_ours(text: str) -> bool:
    """Return whether a name or description is of something that some run of the verification has created.

    >>> is_ours("verify-live-0a1b2c-main"), is_ours("Metaflow run F/1 of verify-live-0a1b2c"), is_ours("verify-live-etl")
    (True, True, False)
    """
    return _OURS.search(text) is not None
