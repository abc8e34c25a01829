"""Reads the process environment and `.env`, and asks Prefect which variables it knows."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from metaflow_prefect.headless.errors import SettingsRefused
from metaflow_prefect.headless.services.exec_service import SERVICES
from metaflow_prefect.headless.services.process_environment import MARKER
from metaflow_prefect.headless.settings.model import Settings
from metaflow_prefect.headless.settings.reading import read_settings
from metaflow_prefect.headless.settings.sources import Sources


def load_sources() -> Sources:
    """Return the environment, and the `.env` file of the working directory if there is one.

    Raises:
        SettingsRefused: there is such a file, but it cannot be read.
    """
    try:
        found = dotenv_values(Path.cwd() / ".env")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsRefused(
            (f".env in the working directory cannot be read: {error}",)
        ) from error
    return Sources(
        environ=dict(os.environ), dotenv={name: text for name, text in found.items() if text}
    )


def load_settings() -> Settings:
    """Return the settings of this process, without the check for unknown names, which loads Prefect.

    Raises:
        SettingsRefused: a value cannot be read.
    """
    return read_settings(load_sources())


def load_checked_settings(*, workers_only: bool = False) -> Settings:
    """Return the settings with every `PREFECT_*` name checked; loads Prefect, which takes a second.

    *workers_only* is for workers of a server elsewhere, which has to be named.

    Raises:
        SettingsRefused: this package or Prefect cannot read a value; every such value is named.
    """
    sources = load_sources()
    root = _settings_of_prefect()
    return read_settings(
        sources,
        known_to_prefect=names_known_to_prefect(),
        refused_by_prefect=refused_by_prefect(root, sources),
        workers_only=workers_only,
    )


def names_known_to_prefect() -> frozenset[str]:
    """Return every environment variable that the installed Prefect reads, aliases included."""
    names = (
        name
        for model, prefix in _models(_settings_of_prefect(), "PREFECT_")
        for field in model.model_fields
        for name in _names(model, prefix, field)
    )
    # Read by Prefect outside its settings, or passed between the stack's own processes.
    return frozenset({"PREFECT_PROFILE", MARKER, SERVICES, *names})


def refused_by_prefect(root: type[BaseModel], sources: Sources) -> dict[str, str]:
    """Return Prefect's error message for each variable whose value it cannot read.

    It ends at the first group of settings with such a value, hence is asked again without those.
    """
    models = {model.__name__: (model, prefix) for model, prefix in _models(root, "PREFECT_")}
    refused: dict[str, str] = {}
    environ = dict(os.environ)
    try:
        while (error := _complaint(root)) is not None:
            model, prefix = models[error.title]
            found = {
                _given_name(model, prefix, item["loc"], sources): item["msg"]
                for item in error.errors(include_input=False, include_url=False)
                # This error only follows from another one.
                if item["type"] != "default_factory_not_called"
            }
            refused |= {name: f"{name}: {why} (refused by Prefect)" for name, why in found.items()}
            if not any(os.environ.pop(name, None) for name in found):
                break  # it is set in `.env` or in a profile, which Prefect reads itself
    finally:
        os.environ.update(environ)
    return refused


def _complaint(root: type[BaseModel]) -> ValidationError | None:
    try:
        root()
    except ValidationError as error:
        return error
    return None


def _settings_of_prefect() -> type[BaseModel]:
    """Return the model of Prefect's settings, without the error that importing it may print."""
    with contextlib.redirect_stderr(io.StringIO()):
        from prefect.settings.models.root import Settings as PrefectSettings

    return PrefectSettings


def _given_name(
    model: type[BaseModel], prefix: str, where: tuple[int | str, ...], sources: Sources
) -> str:
    """Return the name, of those that one setting has, under which the refused value was given."""
    field = str(where[0]) if where else ""
    if field not in model.model_fields:
        return f"{prefix}{field}".upper().rstrip("_")
    candidates = tuple(_names(model, prefix, field))
    return next((name for name in candidates if sources.is_set(name)), candidates[0])


def _models(model: type[BaseModel], prefix: str) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield *model* and the models inside it, each with the prefix of its variables."""
    yield model, prefix
    for name, field in model.model_fields.items():
        kind = _group(field)
        if kind is not None:
            yield from _models(kind, str(kind.model_config.get("env_prefix") or f"{prefix}{name}_"))


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _names(model: type[BaseModel], prefix: str, name: str) -> Iterator[str]:
    """Yield the variables of one field of *model*, the one that wins first."""
    choices = getattr(model.model_fields[name].validation_alias, "choices", ())
    yield from (choice.upper() for choice in choices if isinstance(choice, str))
    yield f"{prefix}{name}".upper()
