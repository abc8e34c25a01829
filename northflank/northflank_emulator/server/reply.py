"""HTTP responses: JSON, errors in their envelope, and responses that faults break."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from northflank_emulator.errors import ApiError
from northflank_emulator.faults import Fault
from northflank_emulator.fields.schema import JsonObject

_JSON = "application/json; charset=utf-8"


def answer(document: JsonObject, headers: Mapping[str, str]) -> Response:
    """Return a success, which in this API is always 200."""
    return Response(encode(document), media_type=_JSON, headers=dict(headers))


def failure(error: ApiError, headers: Mapping[str, str]) -> Response:
    """Return an error in the API's envelope."""
    return failure_of(error.status, error.kind, error.message, error.details, headers)


def failure_of(
    status: int,
    kind: str,
    message: str,
    details: Mapping[str, list[str]],
    headers: Mapping[str, str],
) -> Response:
    """Return an error with any status in the API's envelope."""
    body: JsonObject = {
        "error": {
            "status": status,
            "message": message,
            "id": f"{kind}-{uuid.uuid4().hex[:12]}",
            "details": {field: list(problems) for field, problems in details.items()},
        }
    }
    return Response(encode(body), status, media_type=_JSON, headers=dict(headers))


def literal(fault: Fault) -> Response:
    """Return the response that an `answer` fault describes."""
    return Response(fault.body, fault.status, headers=dict(fault.headers))


def encode(document: JsonObject) -> bytes:
    """Encode *document* as JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


class DroppedConnection(Response):
    """No response: the connection is closed instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's signature
        """Close the connection."""
        await _disconnect(scope, receive)


class TruncatedReply(Response):
    """The headers of a whole response, and half of its body."""

    def __init__(self, whole: Response) -> None:
        super().__init__(whole.body, whole.status_code)
        self.raw_headers = whole.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers and half of the body, then close the connection."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        # Unlike abort, close sends what was written before.
        await _disconnect(scope, receive, after_sending=True)


async def _disconnect(scope: Scope, receive: Receive, *, after_sending: bool = False) -> None:
    transport: asyncio.Transport = scope["state"]["transport"]
    if after_sending:
        transport.close()
    else:
        transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
