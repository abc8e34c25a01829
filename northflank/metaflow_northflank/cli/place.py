"""Where the commands of `northflank` look: how Northflank is called, and the project; both checked at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from prefect_northflank.api.access import Access, access_from
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Project
from prefect_northflank.api.retry import told_once
from prefect_northflank.errors import ConfigurationError, NorthflankError

from metaflow_northflank import settings as settings_module
from metaflow_northflank.broker.wording import NO_PROJECT, problem, problems
from metaflow_northflank.errors import NorthflankFailed

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Place:
    """How to call Northflank, and the project of the settings."""

    access: Access
    project: Project

    def client(self, echo: Any) -> NorthflankClient:
        """Return a client that tells people, once, what it tries again: that can take a minute."""
        return NorthflankClient(self.access, on_retry=told_once(lambda line: echo(line, err=True)))


def place() -> Place:
    """Return the place that the settings name.

    Raises:
        NorthflankFailed: token or project is missing, or a setting is wrong; names everything.
    """
    wrong = wrong_settings()
    settings, _ = settings_module.read()
    if wrong or settings.project is None:
        raise refusal(wrong)
    access = access_from(os.environ, team=settings.team)
    return Place(access=access, project=Project(id=settings.project, team=access.team))


def wrong_settings() -> list[str]:
    """Return what is wrong with the settings, and what to do about it."""
    settings, wrong = settings_module.read()
    found = list(map(str, wrong))
    try:
        access_from(os.environ, team=settings.team)
    except ConfigurationError as error:
        found += problems(error)
    if settings.project is None:
        found.append(NO_PROJECT)
    return found


def refusal(lines: Sequence[str]) -> NorthflankFailed:
    """Return the error that names all of *lines*."""
    if len(lines) == 1:
        return NorthflankFailed(lines[0])
    return NorthflankFailed("\n".join(["Nothing was done, because:", *(f"- {it}" for it in lines)]))


def with_problem(call: Coroutine[Any, Any, T]) -> T:
    """Return what the coroutine *call* returns; tell people what went wrong in their words.

    Raises:
        NorthflankFailed: Northflank refused, or did not answer.
    """
    try:
        return asyncio.run(call)
    except NorthflankError as error:
        raise NorthflankFailed(problem(error)) from None
