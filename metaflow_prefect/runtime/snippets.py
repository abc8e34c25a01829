"""What can be shown of an artifact's value on a page: short plain values, and none that looks secret; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from metaflow_prefect.runtime.datastore import Artifact

_PLAIN = frozenset({"bool", "int", "float", "str", "NoneType"})
"""Types whose values are read without executing anybody's code."""

_MAX_BYTES = 2_000
_MAX_CHARACTERS = 30
"""More would run under the column at the right of Prefect's page."""

_SECRET = re.compile(r"secret|passw|token|credential|api_?key|private_?key", re.IGNORECASE)


def shown(artifacts: Iterable[Artifact]) -> tuple[str, ...]:
    """Return the names of those whose values are small, plain, and not secret by their names.

    >>> shown([Artifact(name="score", type="float", size=21), Artifact(name="api_key", type="str", size=9)])
    ('score',)
    """
    return tuple(
        item.name
        for item in artifacts
        if item.type in _PLAIN and item.size <= _MAX_BYTES and not _SECRET.search(item.name)
    )


def snippet(value: object) -> str:
    """Return the beginning of a value as Python writes it, on one line.

    >>> snippet("short"), snippet(0.5)
    ("'short'", '0.5')
    """
    text = repr(value)
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}…"
