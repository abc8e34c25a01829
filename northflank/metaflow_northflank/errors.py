"""What `run --with northflank` refuses, and how it is worded."""

from __future__ import annotations

from collections.abc import Sequence

from metaflow.exception import MetaflowException


class NorthflankRefused(MetaflowException):  # type: ignore[misc]  # Metaflow has no types
    """The run cannot begin: nothing was created. Names everything that is wrong."""

    headline = "Northflank can't run this flow"

    def __init__(self, refusals: Sequence[str]) -> None:
        self.refusals = tuple(refusals)
        listed = "\n".join(f"- {refusal}" for refusal in refusals)
        super().__init__(f"Nothing was started, because:\n{listed}")


class NorthflankFailed(MetaflowException):  # type: ignore[misc]  # as above
    """A command could not do what it was asked to."""

    headline = "Northflank"

    def __init__(self, problem: str, *, fix: str = "") -> None:
        super().__init__(f"{problem}\nFix: {fix}" if fix else problem)


class InvalidSetting(Exception):
    """A setting has a value that it cannot have."""

    def __init__(self, name: str, value: str, wanted: str) -> None:
        super().__init__(f"{name} is {value!r}. Fix: write {wanted}, or leave it out.")
