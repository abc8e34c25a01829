"""What a program does before it imports Metaflow; pure.

A fork of the launcher executes the program from its beginning, so whatever it had done by then would be done twice.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator


def has_only_imported(text: bytes, line: int) -> bool:
    """Say whether a program imports Metaflow in *line*, and does nothing before but import the standard library."""
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    before = [it for it in statements if (it.end_lineno or it.lineno) < line]
    here = [it for it in statements if it.lineno <= line <= (it.end_lineno or it.lineno)]
    return all(map(_is_harmless, before)) and [set(_imported(it)) for it in here] == [{"metaflow"}]


def _is_harmless(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    names = list(_imported(statement))
    return bool(names) and all(name in sys.stdlib_module_names for name in names)


def _imported(statement: ast.stmt) -> Iterator[str]:
    """Yield the packages that an import statement names; none of another statement."""
    match statement:
        case ast.Import(names=names):
            yield from (alias.name.partition(".")[0] for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module.partition(".")[0]
