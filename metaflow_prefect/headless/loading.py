"""Reads the process environment and `.env`, and asks Prefect which variables it knows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values
from pydantic import BaseModel

from metaflow_prefect.headless.environment import MARKER
from metaflow_prefect.headless.errors import SettingsRefused
from metaflow_prefect.headless.launch import SERVICES
from metaflow_prefect.headless.reading import read_settings
from metaflow_prefect.headless.settings import Settings
from metaflow_prefect.headless.sources import Sources


def load_sources() -> Sources:
    """The environment, and the `.env` file of the working directory if there is one.

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
    """The settings of this process, without the check for unknown names (Prefect is not loaded).

    Raises:
        SettingsRefused: a value cannot be read.
    """
    return read_settings(load_sources())


def load_checked_settings() -> Settings:
    """The settings with every `PREFECT_*` name checked; takes the second it needs to load Prefect.

    Raises:
        SettingsRefused: a value cannot be read.
    """
    return read_settings(load_sources(), known_to_prefect=names_known_to_prefect())


def names_known_to_prefect() -> frozenset[str]:
    """Every environment variable that the installed Prefect reads as a setting, aliases included.

    Raises:
        SettingsRefused: Prefect cannot read the value of one of them.
    """
    from pydantic import ValidationError

    try:
        from prefect.settings.models.root import Settings as PrefectSettings

        # Made only to hear what Prefect itself cannot read.
        PrefectSettings()
    except ValidationError as error:
        problems = tuple(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']} (refused by Prefect)"
            for item in error.errors(include_input=False)
        )
        raise SettingsRefused(problems) from error
    # Read by Prefect outside its settings, or by us between our own processes.
    return frozenset({"PREFECT_PROFILE", MARKER, SERVICES, *_names(PrefectSettings, "PREFECT_")})


def _names(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """The variables of *model*: each field's, its aliases', and those of the models inside."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}".upper()
        choices = getattr(field.validation_alias, "choices", ())
        yield from (choice.upper() for choice in choices if isinstance(choice, str))
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _names(kind, str(kind.model_config.get("env_prefix") or f"{prefix}{name}_"))
