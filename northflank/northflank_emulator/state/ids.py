"""Ids: slugs of names, and random ids that are repeatable with a seed."""

from __future__ import annotations

import random
import re
import uuid

_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_HEX = "0123456789abcdef"


def slug(name: str) -> str:
    """Return the derived identifier of *name* ("My App" is `my-app`); unique per project.

    >>> slug("My App")
    'my-app'
    """
    return _NOT_SLUG.sub("-", name.lower()).strip("-")


class Ids:
    """Generates ids; the same seed gives the same ids in the same order."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311  ids are not secrets, and a seed makes them repeatable

    def uid(self) -> str:
        """Return a UUID, as job runs have."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def hexadecimal(self, length: int) -> str:
        """Return lower-case hexadecimal digits, as in run names and build ids."""
        return "".join(self._random.choices(_HEX, k=length))

    def suffix(self, length: int = 5) -> str:
        """Return a random suffix for a container's name, from the characters Kubernetes uses."""
        return "".join(self._random.choices("bcdfghjklmnpqrstvwxz2456789", k=length))
