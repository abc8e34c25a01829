"""Fixtures: settings made of exactly what a test says, with no environment behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from metaflow_prefect.headless.settings.model import Settings
from metaflow_prefect.headless.settings.reading import read_settings
from metaflow_prefect.headless.settings.sources import Sources

PREFECT_KNOWS = frozenset(
    {
        "PREFECT_HOME",
        "PREFECT_API_URL",
        "PREFECT_SERVER_UI_ENABLED",
        "PREFECT_API_KEY",
        "PREFECT_PROFILE",
    }
)


@pytest.fixture
def settings() -> Callable[..., Settings]:
    """Settings of an environment given as keywords, and of a `.env` file."""

    def make(dotenv: Mapping[str, str] | None = None, **environ: str) -> Settings:
        return read_settings(
            Sources(environ={"PREFECT_HOME": "/home/of/stack", **environ}, dotenv=dotenv or {}),
            known_to_prefect=PREFECT_KNOWS,
        )

    return make
