"""Finds the route of a method and a path, with or without `/teams/{team}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from northflank_emulator.api import Api
from northflank_emulator.errors import MethodNotAllowed, NotFound, invalid_parameter
from northflank_emulator.fields.schema import Json, JsonObject
from northflank_emulator.state.paging import Item, Page, PageRequest, cut
from northflank_emulator.state.permissions import Permission, Role

_PARAMETER = re.compile(r"\{(\w+)\}")
_TEAM = "/v1/teams/{team}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as a handler sees it."""

    api: Api
    params: Mapping[str, str]
    query: Sequence[tuple[str, str]] = ()
    body: Json = field(default_factory=dict)
    role: Role | None = None

    def may(self, permission: Permission) -> bool:
        """Return whether the caller has *permission*, for handlers that show some callers more."""
        return self.role is not None and permission in self.role.permissions

    def one(self, name: str) -> str | None:
        """Return the last value of a query parameter."""
        values = self.many(name)
        return values[-1] if values else None

    def many(self, name: str) -> tuple[str, ...]:
        """Return every value of a query parameter that may be repeated."""
        return tuple(value for key, value in self.query if key == name)

    def page(self, items: Sequence[Item]) -> Page[Item]:
        """Return the page of *items* that the query asks for."""
        return cut(
            items,
            PageRequest.of(
                per_page=self.one("per_page"), page=self.one("page"), cursor=self.one("cursor")
            ),
            self.api.settings.choices.page_count,
        )


Handler = Callable[[Call], JsonObject]
"""A function that carries out a call and returns the body of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API, named as in the vendor's SDKs.

    Without `permission` any token may call it; with `public` no token is needed.
    """

    operation: str
    method: str
    path: str
    handler: Handler
    permission: Permission | None = None
    public: bool = False


def operation(
    name: str, method: str, path: str, permission: Permission | None, handler: Handler
) -> Route:
    """Return a route that needs a token, for tables of routes."""
    return Route(operation=name, method=method, path=path, permission=permission, handler=handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A route, and the values of its path parameters."""

    route: Route
    params: Mapping[str, str]


class Router:
    """Finds routes; each route below /v1 also exists below /v1/teams/{team}."""

    def __init__(self, routes: Iterable[Route], teams: Sequence[str]) -> None:
        self._teams = frozenset(teams)
        self._compiled = [
            (pattern, route)
            for route in routes
            for pattern in (_compile(route.path), _compile(_TEAM + route.path.removeprefix("/v1")))
        ]

    def find(self, method: str, path: str) -> Match:
        """Find the route of a *path* that is not decoded yet.

        Raises:
            NotFound: no route has this path, or the team is unknown.
            MethodNotAllowed: a route has, but with another method.
        """
        allowed = []
        for pattern, route in self._compiled:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if route.method == method:
                params = {name: unquote(value) for name, value in found.groupdict().items()}
                self._check_team(params)
                return Match(route=route, params=params)
            allowed.append(route.method)
        if allowed:
            raise MethodNotAllowed(
                f"{method} is not possible on {path}; possible: {', '.join(sorted(set(allowed)))}"
            )
        raise NotFound(f"Not found: the emulator has no endpoint {method} {path}")

    def _check_team(self, params: Mapping[str, str]) -> None:
        team = params.get("team")
        if team is not None and self._teams and team not in self._teams:
            raise NotFound(f"Not found: there is no team {team!r}")


def _compile(path: str) -> re.Pattern[str]:
    return re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", path))


def data(value: Json) -> JsonObject:
    """Return an answer with *value*."""
    return {"data": value}


def paged(name: str, page: Page[Item], show: Callable[[Item], JsonObject]) -> JsonObject:
    """Return an answer with one page of a list."""
    return {"data": {name: [show(item) for item in page.items]}, "pagination": page.document()}


def nothing() -> JsonObject:
    """Return an answer without data."""
    return {"data": {}}


def one_of(call: Call, name: str, values: Sequence[str], default: str) -> str:
    """Return a query parameter whose value must be one of *values*.

    Raises:
        InvalidRequest: it has another value.
    """
    value = call.one(name)
    if value is None:
        return default
    if value not in values:
        raise invalid_parameter(name, f"must be one of {', '.join(values)}")
    return value
