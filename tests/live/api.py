"""Calls the API one request at a time, within its hourly limit, and keeps what the answers look like.

The worker's own client hides what the probes want to see: statuses, headers, and fields that it does not know.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx
from prefect_northflank.api.access import Access
from prefect_northflank.api.budget import Purpose, RateBudget, named_wait
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import NoCallsLeft
from typing_extensions import Self

Json = dict[str, Any]
_TIMEOUT_SECONDS = 60
_ATTEMPTS = 4
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
_OK, _FORBIDDEN, _TOO_MANY, _SERVER_FAILED = 200, 403, 429, 500


class Unexpected(Exception):
    """A step that should have worked did not; what it was to show cannot be seen."""


class NotAllowed(Unexpected):
    """The token's role does not allow a step."""


class Unavailable(Unexpected):
    """The API failed at a step, several times if it could be repeated; that says nothing about what it does otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of the API."""

    call: str
    status: int
    document: Json
    headers: Mapping[str, str]
    seconds: float

    @property
    def data(self) -> Any:
        """The data of a success.

        Raises:
            Unexpected: it is an error, or has no data.
        """
        if self.status == _FORBIDDEN:
            raise NotAllowed(f"the token lacks a permission: {self}")
        if self.status >= _SERVER_FAILED:
            raise Unavailable(str(self))
        if not self.is_success or "data" not in self.document:
            raise Unexpected(str(self))
        return self.document["data"]

    @property
    def is_success(self) -> bool:
        """Whether the call had its effect."""
        return 200 <= self.status < 300

    @property
    def error(self) -> Json:
        """The error; empty in a success."""
        found = self.document.get("error")
        return found if isinstance(found, dict) else {}

    def __str__(self) -> str:
        message = self.error.get("message", "")
        return f"{self.call} was answered with {self.status}{f' ({message})' if message else ''}"


@dataclass
class LiveApi:
    """The API as one token sees one project."""

    access: Access
    project: Project
    budget: RateBudget = field(default_factory=RateBudget)
    successes: Counter[int] = field(default_factory=Counter)
    say: Any = print

    def __post_init__(self) -> None:
        self._http = httpx.Client(
            base_url=self.access.base_url.rstrip("/"), timeout=_TIMEOUT_SECONDS
        )
        self.last: Answer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    @property
    def account(self) -> str:
        """The path of what belongs to the account or team, not to a project."""
        return self.project.path.partition("/projects/")[0]

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        token: str | None = None,
        purpose: Purpose = Purpose.MONITORING,
    ) -> Answer:
        """Return the answer to one request; *path* is below the project if it does not begin with `/v1`.

        *token* takes the place of the account's; an empty one is not sent at all.

        Raises:
            NoCallsLeft: the calls that the hour has left are needed for cleaning up.
            httpx.HTTPError: there was no answer, also after several attempts if the request can be repeated.
        """
        whole = path if path.startswith("/v1") else self.project.path + path
        attempts = _ATTEMPTS if method in _REPEATABLE else 1
        for attempt in range(1, attempts + 1):
            self._wait_for_budget(purpose)
            try:
                answer = self._once(method, whole, body, params, token)
            except httpx.TransportError:
                if attempt == attempts:
                    raise
                time.sleep(attempt)
                continue
            if answer.status == _TOO_MANY:
                self.budget.exhausted(_named_wait(answer))
                return self.call(method, path, body, params=params, token=token, purpose=purpose)
            if answer.status < _SERVER_FAILED or attempt == attempts:
                break
            time.sleep(attempt)
        return answer

    def once(self, method: str, path: str) -> Answer:
        """Return the answer to one request, whatever it is: without waiting, and without a second attempt."""
        return self._once(method, self.project.path + path, None, None, None)

    def items(
        self, path: str, key: str, *, purpose: Purpose = Purpose.MONITORING
    ) -> Iterator[Json]:
        """Yield every item of a list, page after page."""
        cursor: str | None = None
        while True:
            params = {"per_page": 100} | ({"cursor": cursor} if cursor else {})
            answer = self.call("GET", path, params=params, purpose=purpose)
            yield from answer.data[key]
            pagination = answer.document.get("pagination") or {}
            if not pagination.get("hasNextPage") or not pagination.get("cursor"):
                return
            cursor = pagination["cursor"]

    def _wait_for_budget(self, purpose: Purpose) -> None:
        while seconds := self.budget.admit(purpose):
            if self.budget.first_wait():
                self.say(
                    f"The rate limit is used up; waiting {seconds:.0f} s for the next hour to begin."
                )
            time.sleep(seconds)

    def _once(
        self,
        method: str,
        path: str,
        body: Json | None,
        params: Mapping[str, Any] | None,
        token: str | None,
    ) -> Answer:
        used = self.access.token if token is None else token
        headers = {"authorization": f"Bearer {used}"} if used else {}
        self.budget.sent()
        begun = time.monotonic()
        response: httpx.Response | None = None
        try:
            response = self._http.request(method, path, json=body, params=params, headers=headers)
        finally:
            # What is left of another token's limit says nothing about ours.
            ours = response is not None and token is None
            limited = response is not None and response.status_code == _TOO_MANY
            self.budget.answered(response.headers if response and ours else None, limited=limited)
        answer = Answer(
            call=f"{method} {path.removeprefix(self.project.path) or path}",
            status=response.status_code,
            document=_object(response),
            headers=response.headers,
            seconds=time.monotonic() - begun,
        )
        if answer.is_success:
            self.successes[answer.status] += 1
        self.last = answer
        return answer


def _object(response: httpx.Response) -> Json:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _named_wait(answer: Answer) -> float | None:
    for name in ("retry-after", "x-ratelimit-reset"):
        seconds = named_wait(answer.headers.get(name, ""))
        if seconds is not None:
            return max(seconds, 1.0)
    return None


__all__ = ["Answer", "Json", "LiveApi", "NoCallsLeft", "NotAllowed", "Unavailable", "Unexpected"]
