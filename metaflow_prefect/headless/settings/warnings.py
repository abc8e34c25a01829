"""Warnings and errors about settings: contradictions, unknown names, impossible values; pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from urllib.parse import urlsplit

from metaflow_prefect.headless.settings.model import (
    BY_NAME,
    NAMES,
    VARIABLES,
    Settings,
    StorageType,
    is_loopback,
)
from metaflow_prefect.headless.settings.sources import Sources, ValueSource

READ_ELSEWHERE = ("PREFECT__", "PREFECT_REDIS_")
"""PREFECT__… are set by Prefect itself inside flow runs; the others belong to prefect-redis."""


def general(settings: Settings, known_to_prefect: frozenset[str] | None) -> tuple[str, ...]:
    """Return warnings about values that lose, unknown names, and variables of another server."""
    return (
        *contradictions(settings.sources),
        *_unknown_names(settings, known_to_prefect),
        *_strangers(settings),
        *_storage(settings),
    )


def contradictions(sources: Sources) -> tuple[str, ...]:
    """Return a sentence for each value that loses against another name of the same variable."""
    return tuple(
        f"{lost} is ignored: {given[0]} wins"
        for given in map(sources.given, VARIABLES)
        for lost in given[1:]
        if lost.name != given[0].name and lost.text != given[0].text
    )


def about_addresses(settings: Settings) -> tuple[str, ...]:
    """Return warnings about addresses at which the server cannot be found."""
    found = []
    if not settings.server.is_loopback and not _given(settings, "PREFECT_UI_API_URL"):
        found.append(
            f"the UI will look for the API at {settings.api_url}: set PREFECT_UI_API_URL to the "
            "address browsers on other machines use, e.g. http://my-server:4200/api"
        )
    address = urlsplit(settings.api_url)
    if (
        settings.api_url_given
        and is_loopback(address.hostname or "")
        and settings.server.port not in {0, address.port}
    ):
        found.append(
            f"PREFECT_API_URL={settings.api_url} is not the address of the server that is started "
            f"here ({settings.server.local_url}): commands and workers will use the former"
        )
    return tuple(found)


def impossible(settings: Settings, *, workers_only: bool) -> tuple[str, ...]:
    """Return errors about values and combinations that cannot work on any machine."""
    return (*_bad_forms(settings), *_bad_combinations(settings, workers_only=workers_only))


def _given(settings: Settings, name: str) -> bool:
    return settings.sources.value(BY_NAME[name]).source is not ValueSource.DEFAULT


def _name(settings: Settings, name: str) -> str:
    """Return the name under which the user set the variable *name*."""
    return settings.sources.value(BY_NAME[name]).name


def _unknown_names(settings: Settings, known: frozenset[str] | None) -> Iterator[str]:
    if known is None:
        return
    for name in sorted(settings.sources.merged()):
        if not name.startswith("PREFECT_") or name in NAMES | known:
            continue
        if name.startswith(READ_ELSEWHERE):
            continue
        near = difflib.get_close_matches(name, NAMES | known, n=1, cutoff=0.8)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield f"{name} is known neither to Prefect nor to prefect-headless{hint}"


def _strangers(settings: Settings) -> Iterator[str]:
    """Yield warnings about variables that belong to another server."""
    if settings.sources.is_set("PREFECT_API_KEY"):
        yield (
            "PREFECT_API_KEY is set and would make this server answer 401: it is withheld from "
            "the services and from `run`; unset it in your own shell (it belongs to Prefect Cloud)"
        )
    if settings.sources.is_set("PREFECT_PROFILE"):
        yield (
            "PREFECT_PROFILE is set: the stack keeps its settings in PREFECT_HOME and withholds "
            "the profile from its services"
        )


def _storage(settings: Settings) -> Iterator[str]:
    url = settings.storage.url
    asked = settings.storage.type
    if url and _given(settings, "PREFECT_STORAGE_TYPE") and _url_type(url) is not asked:
        yield (
            f"PREFECT_STORAGE_TYPE={asked.value} is ignored: the database URL names "
            f"{_url_type(url).value} and wins"
        )


def _url_type(url: str) -> StorageType:
    return StorageType.SQLITE if url.startswith("sqlite") else StorageType.POSTGRES


def _bad_forms(settings: Settings) -> Iterator[str]:
    auth = settings.server.auth_string
    if auth is not None and ":" not in auth:
        yield (
            f"{_name(settings, 'PREFECT_SERVER_API_AUTH_STRING')} must have the form user:password"
        )
    url = settings.storage.url
    if url and not url.startswith(("postgres://", "postgresql://", "postgresql+", "sqlite")):
        # Only the scheme: the rest may hold a password.
        scheme, mark, _ = url.partition("://")
        yield (
            f"{_name(settings, 'PREFECT_DATABASE_URL')} must begin with postgresql:// or sqlite:///"
            + (f", not with {scheme}://: Prefect has no other databases" if mark else "")
        )
    for name, address in (
        ("PREFECT_API_URL", settings.api_url),
        ("PREFECT_UI_API_URL", settings.ui_api_url),
    ):
        if _given(settings, name) and not address.startswith(("http://", "https://")):
            yield f"{_name(settings, name)}={address} must begin with http:// or https://"
    for name in ("PREFECT_SERVER_HOST", "PREFECT_API_HOST"):
        host = settings.sources.value(BY_NAME[name])
        if host.text and "/" in host.text:
            yield f"{host.name}={host.text} is not a host name or address: it has a slash"


def _bad_combinations(settings: Settings, *, workers_only: bool) -> Iterator[str]:
    url = settings.storage.url
    kind = _url_type(url) if url else settings.storage.type
    if settings.server.api_processes > 1 and kind is StorageType.SQLITE:
        yield "PREFECT_SERVER_WORKERS above 1 needs PostgreSQL (PREFECT_STORAGE_TYPE)"
    if workers_only and not settings.api_url_given:
        yield "--no-server needs PREFECT_API_URL, the address of the server to work for"
