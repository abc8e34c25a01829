"""Every message of the public error classes, as its reader sees it: where, what, why, what to do.

The messages are found in the source: each call of a class of one of the `errors` modules, the values that only a
run knows in braces. `make golden` rewrites the list; read its diff as the person who gets the message.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import northflank_emulator.errors
import prefect_northflank.errors
import pytest

import metaflow_prefect.errors
import metaflow_prefect.headless.errors

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "metaflow_prefect", ROOT / "northflank")
ERRORS = frozenset(
    name
    for module in (
        metaflow_prefect.errors,
        metaflow_prefect.headless.errors,
        prefect_northflank.errors,
        northflank_emulator.errors,
    )
    for name, value in vars(module).items()
    if isinstance(value, type) and (issubclass(value, Exception) or name == "Finding")
)
WITH_A_FIX = frozenset(
    name
    for module in (metaflow_prefect.errors, metaflow_prefect.headless.errors)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, metaflow_prefect.errors.MetaflowPrefectError)
)
NOTHING_TO_DO = {
    "StepFailed": "the user's own error is in the message: what to do is theirs to know",
    "SettingsRefused": "each of its problems names the variable and what it may be",
    "UnsupportedFlow": "each of its findings has a remedy",
    "PackagesRefused": "each of its findings has a remedy",
    "SeveralRefusals": "each of its errors has a fix",
}
"""Errors that need no `fix`, and why."""


@dataclass(frozen=True)
class Message:
    """One place that raises an error: its class, and what it says."""

    module: str
    error: str
    text: tuple[str, ...]
    fixed: bool

    def __str__(self) -> str:
        return "\n".join((f"{self.module}: {self.error}", *(f"    {line}" for line in self.text)))


def messages() -> Iterator[Message]:
    """Yield the messages in the order of the sources."""
    for root in SOURCES:
        for path in sorted(root.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = _assigned(tree)
            module = path.relative_to(ROOT).as_posix()
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and _name(node.func) in ERRORS:
                    yield _message(module, _name(node.func), node, names)
                elif isinstance(node, ast.ClassDef) and node.name in ERRORS:
                    yield from _of_class(module, node, names)


def _of_class(
    module: str, error: ast.ClassDef, names: list[tuple[int, str, ast.expr]]
) -> Iterator[Message]:
    """Yield the text that a class adds by itself, wherever it is raised."""
    for node in ast.walk(error):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
            found = _message(module, error.name, node, names)
            # The text is the class's own; the fix, where there is one, the raiser's or part of it.
            yield Message(found.module, f"{found.error} itself", found.text, fixed=True)


def _assigned(tree: ast.Module) -> list[tuple[int, str, ast.expr]]:
    """Return the line, the name and the value of each text that is given a name."""
    return sorted(
        (
            (node.lineno, target.id, node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.value, (ast.Constant, ast.JoinedStr))
            for target in node.targets
            if isinstance(target, ast.Name)
        ),
        key=lambda item: item[0],
    )


def _meant(value: ast.expr, names: list[tuple[int, str, ast.expr]]) -> ast.expr:
    """Return the text that a name stands for where it is used: the last one before."""
    if not isinstance(value, ast.Name):
        return value
    before = [it for line, name, it in names if name == value.id and line < value.lineno]
    return before[-1] if before else value


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


def _message(
    module: str, error: str, call: ast.Call, names: list[tuple[int, str, ast.expr]]
) -> Message:
    said = [_text(value, names) for value in call.args]
    said += [f"{word.arg}: {_text(word.value, names)}" for word in call.keywords]
    fixed = any(word.arg == "fix" for word in call.keywords)
    return Message(module, error, tuple(said), fixed)


def _text(value: ast.expr, names: list[tuple[int, str, ast.expr]]) -> str:
    value = _meant(value, names)
    if isinstance(value, ast.Constant):
        return str(value.value).replace("\n", "\n    ")
    if isinstance(value, ast.JoinedStr):
        return "".join(map(_part, value.values)).replace("\n", "\n    ")
    return f"{{{_source(value)}}}"


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        as_written = f"!{chr(part.conversion)}" if part.conversion > 0 else ""
        return f"{{{_source(part.value)}{as_written}}}"
    return str(part.value) if isinstance(part, ast.Constant) else ""


class _WithoutInnerTexts(ast.NodeTransformer):
    """Shortens f-strings within expressions: each Python writes them back with other quotes."""

    def visit_JoinedStr(self, _node: ast.JoinedStr) -> ast.Constant:
        return ast.Constant("…")


def _source(value: ast.expr) -> str:
    return ast.unparse(_WithoutInnerTexts().visit(copy.deepcopy(value)))


@pytest.mark.golden
def test_every_message_is_in_the_list(golden):
    listed = "\n\n".join(map(str, messages()))

    golden(Path(__file__).with_name("messages.txt"), f"{listed}\n")


def test_every_refusal_says_what_to_do():
    without = {
        f"{message.module}: {message.error} {message.text}"
        for message in messages()
        if message.error in WITH_A_FIX - NOTHING_TO_DO.keys() and not message.fixed
    }

    assert without == set()
