"""The ASGI application: the API below /v1, log tails, control, the page."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute
from starlette.routing import WebSocketRoute

from northflank_emulator.api import Api
from northflank_emulator.errors import NotFoundError
from northflank_emulator.server import account_routes, job_routes, observation_routes, reply
from northflank_emulator.server.control import control_routes
from northflank_emulator.server.gate import Gate
from northflank_emulator.server.log_tail import LogTail
from northflank_emulator.server.page import page_routes
from northflank_emulator.server.records import Records
from northflank_emulator.server.routing import Router

_LOGS = "/projects/{project}/jobs/{job}/logs"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]


def application(api: Api, records: Records) -> Starlette:
    """The application that serves *api* and keeps *records*."""
    router = Router(
        (*job_routes.ROUTES, *observation_routes.ROUTES, *account_routes.ROUTES),
        api.settings.teams,
    )
    gate = Gate(api, router, records)
    tail = LogTail(api)
    return Starlette(
        routes=[
            WebSocketRoute(f"/v1{_LOGS}", tail.__call__),
            WebSocketRoute(f"/v1/teams/{{team}}{_LOGS}", tail.__call__),
            HttpRoute("/v1/{rest:path}", gate.__call__, methods=_METHODS),
            *control_routes(api, records),
            *page_routes(api),
        ],
        exception_handlers={404: _not_found, 405: _not_found},
    )


async def _not_found(request: Request, _: Exception) -> Response:
    message = f"Not found: the emulator has nothing at {request.url.path}"
    return reply.failure(NotFoundError(message), {})
