"""Each private name of another package that this project relies on is where it was, and no other is used."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.upstream.private_names import (
    ALL,
    PREFECT,
    PROMISED_THERE,
    RECORDS,
    UNDOCUMENTED,
    UNPROMISED,
    PrivateName,
)

ROOT = Path(__file__).parents[2]
PACKAGES = ("metaflow_prefect", "northflank", "extension")
DOCUMENTED = {"_exit", "_replace"}
"""Names with an underscore that Python documents: `os._exit`, and `_replace` of named tuples."""
OWN_STRINGS = {
    "_northflank",
    "_outer",
    "_metaflow_prefect_",
    "_logfile",
    "_logfile_maxbytes",
    "_logfile_backups",
}
"""A folder in the datastore, a ContextVar and modules of our own; ends of options of supervisor."""
OWN_BASES = {
    "northflank/prefect_northflank/resilient_worker.py": "prefect.workers.base:BaseWorker",
    "northflank/prefect_northflank/worker.py": "prefect.workers.base:BaseWorker",
    "northflank/prefect_northflank/job/configuration.py": "prefect.workers.base:BaseJobConfiguration",
}
"""Our modules with classes that inherit private names, and where they inherit them from."""


def found(place: str) -> Any:
    """Return what is at `module:Class.name`; raise AttributeError or ModuleNotFoundError if it is not there."""
    module, _, path = place.partition(":")
    return functools.reduce(getattr, path.split("."), importlib.import_module(module))


def assigned_in(class_: type) -> set[str]:
    """Return the names that the methods of *class_* assign to `self`, and those its body annotates."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(class_)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id in {"self", "cls"}
    } | {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


@pytest.mark.parametrize("private", ALL, ids=lambda it: it.place)
def test_the_name_is_where_it_was(private: PrivateName):
    try:
        there = found(private.place)
    except AttributeError:
        owner = found(private.place.rpartition(".")[0])
        assert private.name in assigned_in(owner), f"{private.place} is gone: {private.if_it_moves}"
        return
    if private.parameters is None:
        return
    accepted = [name for name in inspect.signature(there).parameters if name not in {"self", "cls"}]
    assert accepted[: len(private.parameters)] == list(private.parameters), private.if_it_moves


def test_every_private_name_in_our_code_is_listed():
    listed = {private.name for private in ALL}
    unlisted = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in sources()
        for line, name in private_attributes(file)
        if name not in listed
    ]

    assert unlisted == []


@pytest.mark.parametrize("record", RECORDS, ids=lambda it: it.place)
def test_the_module_still_writes_the_name(record: PrivateName):
    """Names in strings: artifacts, steps and folders."""
    module, _, name = record.place.partition(":")
    source = Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8")
    there = {
        word
        for node in ast.walk(ast.parse(source))
        for word in (getattr(node, "attr", None), getattr(node, "value", None))
        if isinstance(word, str)
    }

    assert name in there, record.if_it_moves


def test_every_private_name_is_listed_whether_the_linter_marks_it_or_not():
    """Attributes of other objects, names in strings, and parts of the modules that we import."""
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in sources()}
    known = {private.name for private in (*ALL, *RECORDS)} | DOCUMENTED
    own = set().union(*(defined_in(tree) for tree in trees.values()))
    unlisted = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file, tree in trees.items()
        for line, name in private_words(tree)
        if name not in known | own | OWN_STRINGS
    ]

    assert unlisted == []


def test_every_name_from_modules_that_promise_nothing_is_listed():
    listed = {tuple(private.place.partition(":")[::2]) for private in UNDOCUMENTED}
    imported = {(module, name.partition(".")[0]) for module, name in listed}
    unlisted = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {node.module}:{alias.name}"
        for file in sources()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
        if any(f"{node.module}.".startswith(f"{module}.") for module in UNPROMISED)
        for alias in node.names
        if (node.module, alias.name) not in imported and alias.name not in PROMISED_THERE
    ]

    assert unlisted == []


def test_every_private_name_that_our_worker_inherits_is_listed():
    listed = {private.name for private in PREFECT}
    inherited = {
        name
        for file, base in OWN_BASES.items()
        for name in names_of(ROOT / file) & own_names(found(base))
    }

    assert sorted(inherited - listed) == []


def test_nothing_is_listed_that_our_code_does_not_use():
    words = set(re.findall(r"\w+", "\n".join(file.read_text() for file in sources())))

    assert [each.place for each in (*ALL, *RECORDS) if each.name not in words] == []


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def private_attributes(file: Path) -> Iterator[tuple[int, str]]:
    """Yield, by line, the uses of private names that our linter makes us mark; those of our own classes say so."""
    for number, line in enumerate(file.read_text().splitlines(), 1):
        used, marked, why = line.partition("  # noqa: SLF001  ")
        if marked and not re.search("of (this|the same) class", why) and "deployed._" not in used:
            yield from ((number, name) for name in re.findall(r"(?<!self)\.(_[a-z]\w+)", used))


def private_words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield, by line, each name with one underscore before it that is not looked up in `self` or `cls`."""
    for node in ast.walk(tree):
        words: list[str] = []
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in {"self", "cls"}:
            words = [node.attr]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = [node.value]
        elif isinstance(node, ast.ImportFrom) and node.module:
            words = [*node.module.split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            words = [part for alias in node.names for part in alias.name.split(".")]
        yield from ((node.lineno, word) for word in words if re.fullmatch(r"_[a-z]\w*", word))  # type: ignore[attr-defined]  # all of them have lines


def defined_in(tree: ast.AST) -> set[str]:
    """Return the names that *tree* defines: functions, classes, fields, variables, and attributes of `self`."""
    names = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    names |= {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return names | {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value) in {"self", "cls"}
    }


def names_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def own_names(class_: type) -> set[str]:
    """Return the private names of *class_*: methods, and what they assign."""
    names = {*vars(class_), *assigned_in(class_)}
    return {name for name in names if name.startswith("_") and not name.startswith(("__", "_abc"))}
