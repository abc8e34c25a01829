"""Locks that this machine has made before: a run need not ask the index again, and works without a network."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metaflow_prefect.runtime.packages.lock import Target
from metaflow_prefect.runtime.packages.made_once import cache_folder

_FOLDER = "locks"
_FRESH_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class KeptLock:
    """The file for the lock of one list of requirements."""

    file: Path

    @classmethod
    def of(
        cls, requirements: tuple[str, ...], target: Target, variables: Mapping[str, str]
    ) -> KeptLock:
        """Return where the lock of *requirements* is kept; *variables* name the index."""
        indexes = {
            name: value
            for name, value in variables.items()
            if name.startswith(("UV_", "PIP_")) and ("INDEX" in name or "FIND_LINKS" in name)
        }
        # Credentials may be among them: only their hash is written.
        text = "\n".join((*requirements, str(target), *map(str, sorted(indexes.items()))))
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        return cls(cache_folder(variables, _FOLDER) / f"{name}.txt")

    def fresh(self) -> str | None:
        """Return the lock if it is not older than a day."""
        try:
            is_fresh = time.time() - self.file.stat().st_mtime < _FRESH_SECONDS
        except OSError:
            return None
        return self.any() if is_fresh else None

    def any(self) -> str | None:
        """Return the lock, however old it is."""
        try:
            return self.file.read_text(encoding="utf-8")
        except OSError:
            return None

    def keep(self, requirements: str) -> None:
        """Write the lock, the whole of it or nothing."""
        descriptor, name = tempfile.mkstemp(dir=self.file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(requirements)
        Path(name).replace(self.file)
