"""The control endpoint, outside /v1: set and remove faults, list and forget recorded requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from northflank_emulator import faults
from northflank_emulator.api import Api
from northflank_emulator.domain.context import invalid
from northflank_emulator.errors import ApiError, Unauthenticated, not_found
from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.server import reply, request_body
from northflank_emulator.server.authentication import bearer_token
from northflank_emulator.server.request_log import RequestLog

_Action = Callable[[Request], Awaitable[JsonObject]]


def control_routes(api: Api, request_log: RequestLog) -> list[Route]:
    """Return the routes below /_emulator; all but `health` require one of the API's tokens."""
    control = _Control(api, request_log)
    actions: tuple[tuple[str, str, _Action], ...] = (
        ("GET", "/faults", control.list_faults),
        ("POST", "/faults", control.add_fault),
        ("DELETE", "/faults", control.clear_faults),
        ("DELETE", "/faults/{number}", control.remove_fault),
        ("GET", "/requests", control.list_requests),
        ("DELETE", "/requests", control.forget_requests),
    )
    guarded = [
        Route(f"/_emulator{path}", _guarded(api, action), methods=[method])
        for method, path, action in actions
    ]
    return [*guarded, Route("/_emulator/health", _health)]


class _Control:
    def __init__(self, api: Api, request_log: RequestLog) -> None:
        self._api = api
        self._request_log = request_log

    async def list_faults(self, _: Request) -> JsonObject:
        """List the faults that are set, by number."""
        return {str(number): it.document() for number, it in self._api.faults.all().items()}

    async def add_fault(self, request: Request) -> JsonObject:
        """Set a fault."""
        document = request_body.parse(await request_body.read(request))
        problems = faults.problems(document)
        if problems or not isinstance(document, dict):
            raise invalid(problems)
        return {"number": self._api.faults.add(faults.parse(document))}

    async def clear_faults(self, _: Request) -> JsonObject:
        """Remove every fault."""
        self._api.faults.clear()
        return {}

    async def remove_fault(self, request: Request) -> JsonObject:
        """Remove one fault."""
        text = request.path_params["number"]
        number = next((it for it in self._api.faults.all() if str(it) == text), None)
        if number is None or not self._api.faults.remove(number):
            raise not_found("fault", text)
        return {}

    async def list_requests(self, _: Request) -> JsonObject:
        """List the recorded requests."""
        return {"requests": [request.document() for request in self._request_log.all()]}

    async def forget_requests(self, _: Request) -> JsonObject:
        """Forget the recorded requests."""
        self._request_log.clear()
        return {}


def _guarded(api: Api, action: _Action) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            if bearer_token(request) not in api.settings.tokens:
                raise Unauthenticated("Unauthorized: the API token is missing or not valid")
            return reply.answer({"data": await action(request)}, {})
        except ApiError as error:
            return reply.failure(error, {})

    return serve


async def _health(_: Request) -> Response:
    return reply.answer({"data": {"status": "ok"}}, {})
