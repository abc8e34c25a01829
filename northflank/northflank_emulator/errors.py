"""The errors of the API: status, message, id and details, without HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class ApiError(Exception):
    """A request cannot be served; the caller receives this as the answer.

    Args:
        message: where, what and why, in one sentence that a person can act on.
        details: the problems of each field, by its dotted path.
    """

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "internal"

    def __init__(self, message: str, details: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = {field: list(problems) for field, problems in (details or {}).items()}


class InvalidRequest(ApiError):
    """The request itself is wrong: sending it again would fail again."""

    status = 400
    kind = "bad-request"


class Unauthenticated(ApiError):
    """The request has no token, or an unknown one."""

    status = 401
    kind = "unauthorized"


class Forbidden(ApiError):
    """The token's role lacks the permission the endpoint needs."""

    status = 403
    kind = "forbidden"


class NotFound(ApiError):
    """The path, or an object that it names, does not exist."""

    status = 404
    kind = "not-found"


class MethodNotAllowed(ApiError):
    """The path exists, but not with this method."""

    status = 405
    kind = "method-not-allowed"


class Conflict(ApiError):
    """The request is valid, but the current state does not allow it."""

    status = 409
    kind = "conflict"


class BodyTooLarge(ApiError):
    """The body is larger than the emulator accepts."""

    status = 413
    kind = "payload-too-large"


class RateLimited(ApiError):
    """The token has used up its requests for this hour."""

    status = 429
    kind = "rate-limit-exceeded"


def invalid_parameter(name: str, problem: str) -> InvalidRequest:
    """Return the error for the query parameter *name*."""
    return InvalidRequest(f"Invalid query parameter: {name} {problem}", {name: [problem]})


def not_found(what: str, name: str, where: str = "") -> NotFound:
    """Return the error for a missing *what* called *name*."""
    place = f" in {where}" if where else ""
    return NotFound(f"Not found: there is no {what} {name!r}{place}")
