"""The ASGI application: the API below /v1, log tails, the control endpoint, the dashboard."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from northflank_emulator.api import Api
from northflank_emulator.errors import NotFound
from northflank_emulator.server import (
    account_routes,
    build_routes,
    job_routes,
    observability_routes,
    reply,
    run_routes,
)
from northflank_emulator.server.control import control_routes
from northflank_emulator.server.dashboard import dashboard_routes
from northflank_emulator.server.log_tail import LogTail
from northflank_emulator.server.rate_limit import RateLimiter
from northflank_emulator.server.request_log import RequestLog
from northflank_emulator.server.request_pipeline import RequestPipeline
from northflank_emulator.server.routing import Router

_LOGS = "/projects/{project}/jobs/{job}/logs"
_API = "/v1/"


def application(api: Api, request_log: RequestLog) -> ASGIApp:
    """Return the application that serves *api* and records its requests in *request_log*."""
    router = Router(
        (
            *job_routes.ROUTES,
            *run_routes.ROUTES,
            *build_routes.ROUTES,
            *observability_routes.ROUTES,
            *account_routes.ROUTES,
        ),
        api.settings.teams,
    )
    limit = api.settings.rate_limit
    limiter = None if limit is None else RateLimiter(limit)
    pipeline = RequestPipeline(api, router, request_log, limiter)
    tail = LogTail(api, limiter)
    rest = Starlette(
        routes=[
            WebSocketRoute(f"/v1{_LOGS}", tail.__call__),
            WebSocketRoute(f"/v1/teams/{{team}}{_LOGS}", tail.__call__),
            *control_routes(api, request_log),
            *dashboard_routes(api),
        ],
        exception_handlers={404: _not_found, 405: _not_found},
    )

    async def entrance(scope: Scope, receive: Receive, send: Send) -> None:
        # Not a Starlette route: none matches a path with a line feed.
        if scope["type"] == "http" and scope["path"].startswith(_API):
            response = await pipeline(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return entrance


async def _not_found(request: Request, _: Exception) -> Response:
    return reply.failure(NotFound(f"Not found: the emulator has nothing at {request.url.path}"), {})
