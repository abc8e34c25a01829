"""The reference pages of the documentation, made from what they describe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_MADE = "<!-- Made by tests/docs/test_reference.py; `make golden` rewrites it. -->\n\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |\n"
        for line in lines
    )


def _option(option: Any) -> tuple[str, str]:
    names = [*option.opts, *option.secondary_opts]
    if option.is_flag:
        return f"`{'`, `'.join(names)}`", option.help or ""
    choices = getattr(option.type, "choices", None)
    # Not "|", which tables of Markdown show with a backslash inside code.
    word = option.metavar or ("/".join(choices) if choices else option.type.name.upper())
    more = [f"default {option.default}"] if option.show_default else []
    more += ["may be given several times"] if option.multiple else []
    said = (option.help or "").rstrip(".")
    return f"`{'`, `'.join(names)} {word}`", f"{said} ({'; '.join(more)})." if more else f"{said}."


def _command(path: str, command: Any) -> str:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [
        item for item in command.params if item.param_type_name == "option" and not item.hidden
    ]
    words = "".join(
        f" {item.human_readable_name.upper()}"
        if item.required
        else f" [{item.human_readable_name.upper()}]"
        for item in arguments
    )
    text = f"### `{path}{words}`\n\n{command.help}\n\n"
    if options:
        text += _table(("option", "meaning"), map(_option, options)) + "\n"
    return text


def commands(group: Any, sections: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    """Return the page of the commands of `python flow.py prefect`."""
    parts = [
        "# Commands\n\n"
        + _MADE
        + "`python flow.py prefect COMMAND`. `run` and `trigger` also have an "
        "option for each parameter of the flow; Metaflow's own options (`--datastore`, `--branch`, "
        "`--production` …) stand before `prefect`. With `--json` a command prints one JSON document on "
        "standard output, all else on standard error ([what is in it](../how-to/scripts.md)). Exit code 0: done; 1: refused or failed, with the "
        "reason and what to do; 2: the command line is wrong.\n\n"
    ]
    for title, names in sections:
        parts.append(f"## {title}\n\n")
        for name in names:
            command = group.commands[name]
            if hasattr(command, "commands"):
                parts += [_command(f"{name} {word}", it) for word, it in command.commands.items()]
            else:
                parts.append(_command(name, command))
    return "".join(parts).rstrip("\n") + "\n"


def job_variables(schema: dict[str, Any]) -> str:
    """Return the page of a northflank pool's job variables, from their JSON schema."""
    rows = [
        (f"`{name}`", _default(field), str(field.get("description", "")).strip())
        for name, field in schema["properties"].items()
    ]
    return (
        "# Job variables\n\n"
        + _MADE
        + "Of work pools of type `northflank`: set them in the pool, in a deployment (`deploy --job-variable "
        "NAME=VALUE`, `job_variables` of `prefect.yaml`), or for one run.\n\n"
        + _table(("variable", "default", "meaning"), rows)
    )


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    return "" if default in (None, "", [], {}) else f"`{default}`"


def settings(variables: Iterable[Any]) -> str:
    """Return the page of the variables that `prefect-headless` reads."""
    rows = []
    for variable in variables:
        default = f"`{variable.default}`" if variable.default is not None else variable.default_is
        others = ", ".join(f"`{name}`" for name in variable.names if name != variable.name)
        rows.append((f"`{variable.name}`", default, others, variable.meaning))
    return (
        "# Settings of the stack\n\n"
        + _MADE
        + "Environment variables, or lines of `.env`, that `prefect-headless` reads. "
        "[The headless stack](../headless.md) explains them.\n\n"
        + _table(("variable", "default", "Prefect's own names", "meaning"), rows)
    )
