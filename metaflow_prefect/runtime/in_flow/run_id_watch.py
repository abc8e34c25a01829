"""Notices when the import of a flow asks for the run's id, where that is not known yet.

The server may be started before Prefect has given the run its id; the tasks have it. A copy of
the environment that the flow makes while it is imported (`dict(os.environ)`) lacks it then.
It imports nothing of this package: it is loaded by path, where the package may not be importable.
"""

from __future__ import annotations

import os

VARIABLE = "METAFLOW_RUN_ID"


class RunIdWatch:
    """Watches for look-ups of `VARIABLE` in `os.environ`, from now to `end`, unless it is there."""

    def __init__(self) -> None:
        self.was_asked_for = False
        self._original = os.environ.__class__
        if VARIABLE not in os.environ:
            os.environ.__class__ = self._watching()

    def end(self) -> None:
        """Stop watching."""
        os.environ.__class__ = self._original

    def _watching(self) -> type:
        watch = self

        class Watching(self._original):  # type: ignore[name-defined, misc]  # a class like any other
            def __getitem__(self, name: str) -> str:
                if name == VARIABLE:
                    watch.was_asked_for = True
                value: str = super().__getitem__(name)
                return value

        return Watching
