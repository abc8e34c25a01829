"""The Jinja environment of the generated file: strict, and with the few filters its templates need."""

from __future__ import annotations

import json
import math
from typing import Any

import jinja2

from metaflow_prefect.render.literals import Code

_LARGEST_OF_FOUR_DIGITS = 0xFFFF
"""The largest character that Python escapes as `\\uXXXX`; larger ones need eight digits."""


def environment() -> jinja2.Environment:
    """Return the environment; an undefined name in a template is an error."""
    jinja = jinja2.Environment(
        loader=jinja2.PackageLoader("metaflow_prefect.templates", ""),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  the output is Python, and every literal goes through `py`
        bytecode_cache=_bytecode_cache(),
    )
    jinja.filters.update(py=literal, docstring=docstring, oneline=one_line)
    return jinja


def _bytecode_cache() -> jinja2.BytecodeCache | None:
    """Return the cache of compiled templates, which saves half the time of a small `create`.

    It is Jinja's own folder, of this user only, below that for temporary files; without it they are
    compiled each time.
    """
    try:
        return jinja2.FileSystemBytecodeCache()
    except (OSError, RuntimeError):  # read-only, or not safely ours
        return None


def literal(value: Any) -> str:
    """Return the Python source of *value*: double quotes, and the order the value has.

    >>> literal(("a", 1, None)), literal({"x": [True]}), literal(("a",))
    ('("a", 1, None)', '{"x": [True]}', '("a",)')

    Raises:
        TypeError: *value* is of a type that has no literal.
    """
    match value:
        case Code():
            return str(value)
        case str():
            # JSON's escapes are Python's, and unlike repr it always quotes with ".
            return _printable(json.dumps(value, ensure_ascii=False))
        case None | bool() | int() | float():
            return _number(value)
        case tuple():
            inner = ", ".join(literal(item) for item in value)
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        case list():
            return f"[{', '.join(literal(item) for item in value)}]"
        case dict():
            pairs = ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items())
            return f"{{{pairs}}}"
        case _:
            message = f"{type(value).__name__} has no literal"
            raise TypeError(message)


def _number(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _printable(text: str) -> str:
    r"""Escape characters that an editor does not show, or that some programs take for a line break.

    >>> _printable("ü\u2028\x85")
    'ü\\u2028\\u0085'
    """
    return "".join(
        char if char.isprintable() or char in "\n\t" else _escape(ord(char)) for char in text
    )


def _escape(number: int) -> str:
    return f"\\u{number:04x}" if number <= _LARGEST_OF_FOUR_DIGITS else f"\\U{number:08x}"


def docstring(text: str) -> str:
    """Make *text* safe inside a triple-quoted string."""
    safe = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').strip()
    safe = _printable(safe)
    return safe[:-1] + '\\"' if safe.endswith('"') else safe


def one_line(text: str) -> str:
    """Fold white space, including line breaks."""
    return " ".join(text.split())
