"""The reference of the Python interface, made from the docstrings of what the packages export; nothing is imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

from tests.docs.reference_pages import MADE, table

ROOT = Path(__file__).parents[2]

PACKAGES = {
    "metaflow_prefect": ("metaflow_prefect.Event",),
    "metaflow_prefect.deployer": (
        "metaflow_prefect.deployer.PrefectDeployer",
        "metaflow_prefect.deployer.objects.PrefectDeployedFlow",
        "metaflow_prefect.deployer.objects.PrefectTriggeredRun",
    ),
    "prefect_northflank": (),
    "northflank_emulator": (),
}
"""What the page shows of each package; nothing named: all that it exports."""

LONGEST_SIGNATURE = 60
"""Longer ones have a line for each parameter; what is shown within a line of text is never that long."""

ELSEWHERE = {
    "NorthflankJobConfiguration": "The [job variables](job-variables.md) of one flow run, resolved.",
    "NorthflankWorker": "The worker of type `northflank`, which `prefect worker start --pool …` starts.",
    "NorthflankWorkerResult": "What the worker returns to Prefect for a flow run.",
    "NorthflankWorkerVariables": "The form of a work pool: [job variables](job-variables.md).",
}
"""What Prefect uses, and people only configure."""

NOTES = {
    "Settings": "`northflank-emulator --help` explains those that are also options of the command (`projects` as `--project`)."
}
"""What is added to a docstring."""

INTRODUCTIONS = {
    "metaflow_prefect": "What flows and scripts import.",
    "metaflow_prefect.deployer": (
        'What `Deployer("flow.py").prefect(name=…)` of Metaflow returns, and `DeployedFlow.from_prefect("Flow/name")`'
        " ([use it from scripts](../how-to/scripts.md))."
    ),
    "prefect_northflank": "The worker, its credentials block and its decorator ([deploy to Northflank](../how-to/northflank.md)).",
    "northflank_emulator": "The emulator as a library, for tests and notebooks.",
}


def page() -> str:
    """Return the page of all packages."""
    sources = [str(ROOT), str(ROOT / "northflank")]
    loader = griffe.GriffeLoader(search_paths=sources, docstring_parser=griffe.Parser.google)
    for package in {name.partition(".")[0] for name in PACKAGES}:
        loader.load(package)
    loader.resolve_aliases(implicit=False, external=False)
    introduction = (
        "# Python interface\n\n"
        f"{MADE}"
        "What the packages export, from their docstrings. Other names are not public, and may change without notice.\n"
    )
    parts = [introduction]
    for package, named in PACKAGES.items():
        module = loader.modules_collection[package]
        exported = [str(it) for it in module.exports or () if not str(it).startswith("__")]
        paths = named or [f"{package}.{name}" for name in sorted(exported, key=str.casefold)]
        parts.append(f"\n## {package}\n\n{INTRODUCTIONS[package]}\n")
        parts += [_object(_target(loader.modules_collection[path])) for path in paths]
    return "".join(parts)


def _target(found: Any) -> Any:
    return found.final_target if found.is_alias else found


def _object(found: Any) -> str:
    if found.name in ELSEWHERE:
        return f"\n### `{found.name}`\n\n{ELSEWHERE[found.name]}\n"
    if found.is_class:
        return _class(found)
    return f"\n### `{found.name}`\n\n{_call(found, found)}{_text(found)}"


def _call(found: Any, function: Any) -> str:
    """Return how it is called, if it is; headings have the bare name."""
    shown = _signature(function) if function is not None and function.is_function else ""
    return f"```python\n{found.name}{shown}\n```\n\n" if shown else ""


def _class(found: Any) -> str:
    base = ", ".join(str(it).rpartition(".")[2] for it in found.bases)
    kind = f"A subclass of `{base}`. " if base and base != "object" else ""
    init = found.members.get("__init__")
    parts = [f"\n### `{found.name}`\n\n{_call(found, init)}{kind}{_text(found)}"]
    if "Enum" in str(found.bases):
        members = (f"`{it.name}` ({it.value})" for it in _fields(found))
        parts.append(f"\nIts members: {', '.join(members).replace(chr(39), '`')}.\n")
    else:
        fields = [row for row in map(_field, _fields(found)) if row[-1]]
        parts.append("\n" + table(("name", "default", "meaning"), fields) if fields else "")
    parts.append(f"\n{NOTES[found.name]}\n" if found.name in NOTES else "")
    parts += map(_method, _methods(found))
    return "".join(parts)


def _fields(found: Any) -> Iterator[Any]:
    """Yield the attributes that the class declares for its users."""
    for it in found.members.values():
        if it.is_attribute and _is_public(it) and not _is_property(it):
            yield it


def _methods(found: Any) -> Iterator[Any]:
    for member in found.members.values():
        is_shown = (member.is_function or _is_property(member)) and _is_public(member)
        if is_shown and member.docstring:
            yield member


def _method(member: Any) -> str:
    signature = "" if _is_property(member) else " ".join(_signature(member).split())
    return f"\n**`{member.name}{signature}`** {_text(member)}"


def _field(found: Any) -> tuple[str, str, str]:
    value = "" if found.value is None else str(found.value)
    default = _of_field(found, "default") or (value if "(" not in value else "")
    text = found.docstring.value if found.docstring else _described(found)
    return f"`{found.name}`", f"`{default}`" if default else "", " ".join(text.split())


def _described(found: Any) -> str:
    """Return the description that pydantic shows of a field."""
    literal = _of_field(found, "description").lstrip("f")
    return re.sub(r"\{(\w+)\}", r"`\1`", literal[1:-1])


def _of_field(found: Any, keyword: str) -> str:
    """Return an argument of pydantic's `Field(…)`, as it is written."""
    words = getattr(found.value, "arguments", ())
    return next((str(it.value) for it in words if getattr(it, "name", None) == keyword), "")


def _is_public(found: Any) -> bool:
    return not found.name.startswith("_")


def _is_property(found: Any) -> bool:
    return "property" in found.labels or "cached" in found.labels


def _signature(function: Any) -> str:
    shown, is_keyword = [], False
    for it in function.parameters:
        if it.name in {"self", "cls"}:
            continue
        if it.kind is griffe.ParameterKind.keyword_only and not is_keyword:
            shown.append("*")
            is_keyword = True
        is_keyword = is_keyword or it.kind is griffe.ParameterKind.var_positional
        stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}
        name = f"{stars.get(it.kind, '')}{it.name}"
        has_default = it.default is not None and it.kind not in stars
        shown.append(f"{name}={it.default}" if has_default else name)
    line = f"({', '.join(shown)})"
    is_long = len(line) > LONGEST_SIGNATURE
    return "(\n" + "".join(f"    {it},\n" for it in shown) + ")" if is_long else line


def _text(found: Any) -> str:
    """Return the docstring in Markdown: its words, then its arguments and errors as lists."""
    if not found.docstring:
        return "\n"
    parts = []
    for section in found.docstring.parsed:
        match section.kind:
            case griffe.DocstringSectionKind.text:
                parts.append(f"{section.value}\n")
            case griffe.DocstringSectionKind.parameters:
                parts.append(_list(f"`{it.name}`: {_line(it)}" for it in section.value))
            case griffe.DocstringSectionKind.raises:
                parts.append(
                    _list(f"Raises `{it.annotation}`: {_line(it)}" for it in section.value)
                )
            case griffe.DocstringSectionKind.examples:
                parts.append(_code("\n".join(text for _, text in section.value)))
            case griffe.DocstringSectionKind.admonition:
                parts.append(_code(section.value.description))
            case _:
                parts.append(_list(_line(it) for it in section.value))
    return "\n".join(parts)


def _code(session: str) -> str:
    """Return an interactive session as the lines that one types."""
    typed = re.sub(r"^(>>>|\.\.\.) ?|  # doctest:.*", "", session, flags=re.MULTILINE)
    # `ruff format .` formats the examples of Markdown files, too.
    ruff = [str(Path(sys.executable).with_name("ruff")), "format", "-"]
    done = subprocess.run(ruff, input=typed, cwd=ROOT, capture_output=True, text=True, check=True)
    return f"```python\n{done.stdout.strip()}\n```\n"


def _line(item: Any) -> str:
    return " ".join(item.description.split(os.linesep)).strip()


def _list(items: Iterator[str]) -> str:
    return "".join(f"* {item}\n" for item in items)
