"""A parameter's value as a flow run carries it. Pure.

Metaflow's `init` reads either one JSON value or one text. A list becomes one text where the parameter has a
separator. For a parameter of JSONType Metaflow reads a text as JSON, so a string value keeps its quotes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence


def json_value(value: object) -> object:
    """Return a value of a JSONType parameter, as its steps see it, in the form that a flow run carries.

    >>> json_value({"a": 1}), json_value("word")
    ({'a': 1}, '"word"')
    """
    return json.dumps(value) if isinstance(value, str) else value


def joined(items: Sequence[object], separator: str) -> str | None:
    """Return the text that Metaflow splits into *items*, or None where no text does that.

    >>> joined(["m", 1], ","), joined([], ","), joined(["a,b"], ",")
    ('m,1', '', None)
    """
    if not all(
        isinstance(item, (str, int, float)) and not isinstance(item, bool) for item in items
    ):
        return None
    text = separator.join(map(str, items))
    return text if not items or len(text.split(separator)) == len(items) else None
