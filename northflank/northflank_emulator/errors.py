"""The errors the API answers with: status, message, id and details, without any HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class ApiError(Exception):
    """What a caller is told when a request cannot be served.

    Args:
        message: where, what and why, in one sentence a person can act on.
        details: per field (a dotted path) what is wrong with it.
    """

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "internal"

    def __init__(self, message: str, details: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = {field: list(problems) for field, problems in (details or {}).items()}


class InvalidRequest(ApiError):
    """The request itself is wrong; sending it again changes nothing."""

    status = 400
    kind = "bad-request"


class Unauthenticated(ApiError):
    """There is no token, or no such token."""

    status = 401
    kind = "unauthorized"


class Forbidden(ApiError):
    """The token's role lacks the permission the endpoint needs."""

    status = 403
    kind = "forbidden"


class NotFound(ApiError):
    """The path, or something it names, does not exist."""

    status = 404
    kind = "not-found"


class MethodNotAllowed(ApiError):
    """The path exists, with other methods."""

    status = 405
    kind = "method-not-allowed"


class Conflict(ApiError):
    """The request is fine, but not in the state things are in."""

    status = 409
    kind = "conflict"


class BodyTooLarge(ApiError):
    """The body is larger than the emulator reads."""

    status = 413
    kind = "payload-too-large"


class RateLimited(ApiError):
    """The token has used up its requests for this hour."""

    status = 429
    kind = "rate-limit-exceeded"


def not_found(what: str, name: str, where: str = "") -> NotFound:
    """Return the error for a *what* called *name* that does not exist."""
    place = f" in {where}" if where else ""
    return NotFound(f"Not found: there is no {what} {name!r}{place}")
