"""Reads settings from the environment and `.env`, and reports all errors together; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from metaflow_prefect.headless.errors import SettingsRefused
from metaflow_prefect.headless.settings import warnings
from metaflow_prefect.headless.settings.model import FIELDS, FieldPath, Settings
from metaflow_prefect.headless.settings.sources import Sources, ValueSource

EMULATED_PROJECT = "demo"
"""The project that every emulator starts with."""
REASONS = {
    "bool_parsing": "is neither yes (1, true, on) nor no (0, false, off)",
    "int_from_float": "is not a whole number",
    "dict_type": "is not a JSON object",
}
"""The message about a value of the wrong type, by pydantic's name of the error."""


def read_settings(
    sources: Sources,
    *,
    known_to_prefect: frozenset[str] | None = None,
    refused_by_prefect: Mapping[str, str] | None = None,
    workers_only: bool = False,
) -> Settings:
    """Return the settings that *sources* ask for.

    *known_to_prefect*, if given, are Prefect's own variable names: any other `PREFECT_*` name is
    reported, since Prefect itself ignores it silently. *refused_by_prefect* has a sentence for each
    variable that Prefect cannot read.

    Raises:
        SettingsRefused: a value cannot be read; every such value is named.
    """
    defaults = _defaults(sources)
    texts = {
        path: defaults.get(variable.name) if value.source is ValueSource.DEFAULT else value.text
        for path, variable in FIELDS.items()
        for value in (sources.value(variable),)
    }
    unreadable = _unreadable(texts, sources)
    # Other errors are found with defaults in place of what cannot be read.
    readable = texts | {path: defaults.get(FIELDS[path].name) for path in unreadable}
    settings = _with_emulated_project(Settings.model_validate(_nested(readable, sources)))
    refused_by_us = {sources.value(FIELDS[path]).name for path in unreadable}
    problems = (
        *unreadable.values(),
        *(
            sentence
            for name, sentence in (refused_by_prefect or {}).items()
            if name not in refused_by_us
        ),
        *warnings.impossible(settings, workers_only=workers_only),
    )
    if problems:
        raise SettingsRefused(problems)
    found = {
        "findings": warnings.general(settings, known_to_prefect),
        "server_findings": warnings.about_addresses(settings),
    }
    return settings.model_copy(update=found)


def _defaults(sources: Sources) -> dict[str, str | None]:
    """Return what each variable is taken for that the user did not set."""
    home = sources.get("PREFECT_HOME") or _default_home(sources)
    driver = sources.get("PREFECT_SERVER_DATABASE_DRIVER") or ""
    return {
        **{variable.name: variable.default for variable in FIELDS.values()},
        "PREFECT_HOME": home,
        "PREFECT_FLOWS_DIR": f"{home}/flows",
        "PREFECT_STORAGE_DIR": f"{home}/storage",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": f"{home}/ui",
        "PREFECT_STORAGE_TYPE": "postgres" if driver.startswith("postgresql") else "sqlite",
        # The database decides between the default and a generated one.
        "PGPASSWORD": None,
    }


def _default_home(sources: Sources) -> str:
    """Return the directory of a stack; Prefect's own, ~/.prefect, holds the user's profiles."""
    cache = sources.get("PREFECT_HEADLESS_CACHE") or sources.get("FLOX_ENV_CACHE")
    if cache:
        return f"{cache}/prefect-data"
    return f"{sources.get('XDG_STATE_HOME') or '~/.local/state'}/prefect-headless"


def _nested(texts: Mapping[FieldPath, str | None], sources: Sources) -> dict[str, Any]:
    """Return *texts* as pydantic expects them: a dictionary for each model inside `Settings`."""
    nested: dict[str, Any] = {"sources": sources}
    for (*groups, name), text in texts.items():
        group = nested
        for each in groups:
            group = group.setdefault(each, {})
        group[name] = text
    return nested


def _unreadable(texts: Mapping[FieldPath, str | None], sources: Sources) -> dict[FieldPath, str]:
    """Return a sentence for each field whose text cannot be read."""
    try:
        Settings.model_validate(_nested(texts, sources))
    except ValidationError as error:
        return {
            path: f"{sources.value(FIELDS[path])} {_reason(details)}"
            for details in error.errors(include_url=False, include_input=False)
            for path in (tuple(map(str, details["loc"])),)
        }
    return {}


def _reason(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(context["error"])
        case "enum":
            allowed = re.findall("'(.+?)'", context["expected"])
            return f"is not one of {', '.join(sorted(allowed))}"
        case "json_invalid":
            return f"is not JSON ({context['error']})"
        case kind:
            return REASONS.get(kind, f"cannot be read ({error['msg']})")


def _with_emulated_project(settings: Settings) -> Settings:
    """Return *settings* whose `northflank` pool uses the emulator's project, unless told otherwise."""
    workers = settings.workers
    if workers.variables or not settings.emulator or workers.type != "northflank":
        return settings
    emulated = workers.model_copy(update={"variables": {"project_id": EMULATED_PROJECT}})
    return settings.model_copy(update={"workers": emulated})
