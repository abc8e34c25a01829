"""How the body of a request is read: not beyond a limit, as the JSON that may come."""

import json
from typing import Final

from starlette.requests import ClientDisconnect, Request

from northflank_emulator.errors import BodyTooLargeError, InvalidRequestError
from northflank_emulator.fields.schema import Json

_LARGEST: Final = 10 * 1024 * 1024


async def raw(request: Request) -> bytes:
    """The bytes of a body.

    Raises:
        BodyTooLargeError: there are more than the emulator reads.
        InvalidRequestError: the client went away.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST:
                message = f"The body is larger than {_LARGEST} bytes"
                raise BodyTooLargeError(message)
    except ClientDisconnect as error:
        message = "The client went away before the body was complete"
        raise InvalidRequestError(message) from error
    return bytes(body)


def parsed(body: bytes) -> Json:
    """The JSON of a body; nothing at all counts as an empty object.

    Raises:
        InvalidRequestError: it is no JSON, or has what no JSON may have (NaN, half a surrogate).
    """
    if not body.strip():
        return {}
    try:
        value: Json = json.loads(body, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        message = f"Invalid request body: it is not JSON ({error})"
        raise InvalidRequestError(message) from error
    return value


def _no_constant(name: str) -> None:
    message = f"{name} is not JSON"
    raise ValueError(message)
