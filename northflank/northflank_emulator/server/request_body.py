"""How the body of a request is read, up to a limit, and parsed as JSON."""

from __future__ import annotations

import json
from typing import Final

from starlette.requests import ClientDisconnect, Request

from northflank_emulator.errors import BodyTooLarge, InvalidRequest
from northflank_emulator.fields.schema import Json

_LARGEST: Final = 10 * 1024 * 1024


async def read(request: Request) -> bytes:
    """Read the bytes of a body.

    Raises:
        BodyTooLarge: the body exceeds the limit.
        InvalidRequest: the client disconnected.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST:
                raise BodyTooLarge(f"The body is larger than {_LARGEST} bytes")
    except ClientDisconnect as error:
        raise InvalidRequest("The client disconnected before the body was complete") from error
    return bytes(body)


def parse(body: bytes) -> Json:
    """Parse a body as JSON; an empty body counts as an empty object.

    Raises:
        InvalidRequest: it is not JSON, or has what JSON does not allow (NaN, half a surrogate).
    """
    if not body.strip():
        return {}
    try:
        value: Json = json.loads(body, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"Invalid request body: it is not JSON ({error})") from error
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
